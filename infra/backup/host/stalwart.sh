# shellcheck shell=bash
# Stalwart's store is copied while it stands still: what RocksDB writes at the same time may not fit together.

# There while Stalwart stands still for a copy: whoever finds it starts Stalwart again, also after a power cut.
readonly stopped=$state/stalwart-stopped
readonly data=$apps/stalwart/data
# How long `pulumi up` may keep the copy waiting, in seconds.
readonly stack_lock_seconds=900
# How often a start is tried; docker may be starting itself.
readonly start_tries=5

# Starts Stalwart if a run of ours has stopped it.
start_again() {
  [ -e "$stopped" ] || return 0
  local try
  for ((try = 1; try <= start_tries; try++)); do
    if compose start stalwart >&2 </dev/null; then
      rm -f -- "$stopped"
      return 0
    fi
    sleep "$try"
  done
  alert "Stalwart on $host_name stands still and cannot be started: docker compose -f $stack/compose.yaml start stalwart"
  return 1
}

is_running() {
  [ -n "$(compose ps --quiet "$1" </dev/null)" ]
}

# Makes $work/data: the store as it was at one moment. It takes seconds, because files that RocksDB never changes again are
# linked and not copied, where they lie on the same disk.
copy_store() {
  local new=$work/data.new
  # `pulumi up` starts what stands still; it and this must not meet.
  exec 8>>"$stack/lock"
  flock -w "$stack_lock_seconds" 8 || fail "pulumi up has been busy for $stack_lock_seconds s." \
    "There is no backup of this night." "When it has ended: $here/mail-backup backup"
  rm -rf -- "$new"
  mkdir -m 0700 -- "$new"
  if is_running stalwart; then
    : >"$stopped"
    sync -- "$stopped"
    compose stop stalwart >&2 </dev/null || fail "Stalwart cannot be stopped." "There is no backup of this night." \
      "docker compose -f $stack/compose.yaml logs --tail 50 stalwart"
  fi
  copy_files "$new" || fail "Stalwart's store cannot be copied; the disk may be full." \
    "There is no backup of this night. Stalwart runs." "df -h $apps; then: $here/mail-backup backup"
  start_again || fail "Stalwart cannot be started." "No mail is taken; it waits in the spool." \
    "docker compose -f $stack/compose.yaml up --detach; docker compose -f $stack/compose.yaml logs --tail 50 stalwart"
  exec 8>&-
  rm -rf -- "$work/data"
  mv -T -- "$new" "$work/data"
}

copy_files() {
  local new=$1 how=(cp -a --reflink=auto)
  [ "$(stat -L -c %d -- "$data")" != "$(stat -c %d -- "$new")" ] || how=(cp -l)
  (
    cd -- "$data" &&
      tar -cf - --exclude=./export --exclude='*.sst' --exclude='*.blob' --warning=no-file-ignored . | tar -xpf - -C "$new" &&
      find . -path ./export -prune -o -type f \( -name '*.sst' -o -name '*.blob' \) -exec "${how[@]}" --parents -t "$new" {} +
  ) >&2
}
