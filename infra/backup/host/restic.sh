# shellcheck shell=bash
# restic runs in its container (service `restic`), as the host's user. What it sees of the host:
#   /apps           the apps folder            /stalwart-data  the copy of Stalwart's store
#   /export         the exported mail          /restore        backup/restore, the only one it writes to

# How long a run waits for another machine's lock.
readonly retry_lock=10m
# Exit codes of restic (manual, "Exit codes").
readonly incomplete=3 no_repository=10 locked=11 wrong_password=12
# Days between two checks; a bit less than a week, so that a night's delay does not skip one.
readonly check_after_hours=160
# In that many checks all data are read once.
readonly check_parts=10

restic() {
  local status=0
  restic_tool restic "$@" || status=$?
  if ((status != wrong_password)) || [ ! -s "$former" ]; then return "$status"; fi
  by_former_password "$@"
}

# `tool`, with what ssh needs.
restic_tool() {
  [ ! -e "$secrets/ssh-key" ] || before_ssh
  tool "$@"
}

# For sftp. OpenSSH's client does nothing for a user without a name, and the image knows none for the one that compose runs
# it as: the container finds this file as /etc/passwd. What ssh says goes to a file, because restic loses the end of it.
before_ssh() {
  rm -f -- "$ssh_log"
  # shellcheck disable=SC1091
  put_state passwd "$(. "$stack/.env" && printf 'mail-backup:x:%d:%d::/tmp:/bin/false' "$MAIL_UID" "$MAIL_GID")"
}
readonly ssh_log=$here/cache/ssh.log

# Keeps the last lines of what restic says in $said, and shows all of it.
restic_says() {
  local status=0
  said=$(restic "$@" 2>&1 | tee >(cat >&2) | tail -n "$shown_lines"; exit "${PIPESTATUS[0]}") || status=$?
  return "$status"
}

# One line about what went wrong with the repository, by restic's exit code. STATUS WHAT
fail_restic() {
  local last=${said##*$'\n'} nothing_done="Nothing was read."
  [ "${job-}" != backup ] || nothing_done="No backup was made."
  case $1 in
    "$no_repository") fail "$2: the repository is not there." "$nothing_done" "$gone_command" ;;
    "$locked") fail "$2: another machine holds a lock." "Nothing was changed in the repository." \
      "If none is at work: $here/mail-backup unlock" ;;
    "$wrong_password") fail "$2: the password is not the repository's." "$nothing_done" \
      "Set mail:backupPassword to the one that it was made with, then: pulumi up" ;;
    *) fail_ssh "$2" "$nothing_done"
      fail "$2 (restic ended with status $1): ${last:0:300}" "The last good snapshots are as they were." \
        "$here/mail-backup snapshots; then: $here/mail-backup backup" ;;
  esac
}

# The same where ssh has said why; restic knows only that its connection is gone. WHAT CONSEQUENCE
fail_ssh() {
  [ -e "$secrets/ssh-key" ] || return 0
  if [ ! -s "$ssh_log" ]; then
    # Of a connection that the other side closes properly OpenSSH writes nothing there, and ends with its own 255.
    [[ $last != *"ssh command exited: exit status 255" ]] || last+="; the storage has closed the connection"
    return 0
  fi
  cat -- "$ssh_log" >&2
  case $(<"$ssh_log") in
    *"Host key verification failed."*)
      fail "$1: the storage shows another host key than mail:backupSshHostKey." "It was not logged in to. $2" \
        "Ask who runs it for its keys. Have they changed, then: pulumi config set mail:backupSshHostKey; pulumi up" ;;
    *": Permission denied ("*)
      fail "$1: the storage does not take mail:backupSshPrivateKey for this user." "$2" \
        "Put its public half (ssh-keygen -y -f KEY) there, or set another key; then: pulumi up" ;;
    # OpenSSH ends its lines as a terminal wants them.
    *) last="${last:0:200}; $(tail -n 1 -- "$ssh_log" | tr -d '\r')" ;;
  esac
}

readonly gone_command="If the bucket is right and it is gone for good, a new one is made by: $here/mail-backup init"

# The repository is there and is the one that was used before. It is made only where there has never been one.
need_repository() {
  local status=0 id
  said=$(restic cat config --no-lock --quiet 2>&1) || status=$?
  if ((status == no_repository)) && [ ! -e "$state/repository" ]; then
    init_repository
    return
  fi
  ((status == 0)) || fail_restic "$status" "The repository cannot be opened"
  id=$(repository_id)
  if [ -e "$state/repository" ] && [ "$(<"$state/repository")" != "$id" ]; then
    fail "The repository is another one than before." "No backup was made." \
      "If that is meant: rm $state/repository; then: $here/mail-backup backup"
  fi
  put_state repository "$id"
}

repository_id() {
  [[ $said =~ \"id\":\ *\"([0-9a-f]{64})\" ]] || fail "The repository's configuration has no id." "No backup was made." "$gone_command"
  printf '%s' "${BASH_REMATCH[1]}"
}

init_repository() {
  local status=0
  restic_says init || fail_restic "$?" "The repository cannot be made"
  said=$(restic cat config --no-lock --quiet 2>&1) || status=$?
  ((status == 0)) || fail_restic "$status" "The new repository cannot be opened"
  put_state repository "$(repository_id)"
}

# Runs a command that takes a lock. As no other run of this host is on its way, a lock of its own is one that was left behind.
with_lock() {
  local status=0
  restic_says "$@" || status=$?
  ((status == locked)) || return "$status"
  if unlock_own; then restic_says "$@"; else restic_says "$@" --retry-lock "$retry_lock"; fi
}

# Removes all locks if this host has made all of them.
unlock_own() {
  local id locks lock
  locks=$(restic list locks --no-lock --quiet) || return 1
  for id in $locks; do
    lock=$(restic cat lock "$id" --no-lock --quiet) || continue
    [[ $lock =~ \"hostname\":\ *\"${host_name//./\\.}\" ]] || return 1
  done
  restic unlock --remove-all >&2
}

do_backup() {
  local status=0
  need_repository
  # In a shell of its own, which fails alone: there is a backup also when the password cannot be changed.
  (change_password) ||
    alert "The repository's password on $host_name is not changed yet; backups go on: $here/mail-backup password"
  copy_store
  with_lock backup --host "$host_name" --tag mail-stack --exclude-caches \
    --exclude /apps/stalwart/data --exclude /apps/backup/work --exclude /apps/backup/restore \
    --exclude /apps/backup/cache --exclude /apps/mail-stack/staging \
    /apps /stalwart-data /export || status=$?
  rm -rf -- "$work/data"
  mkdir -m 0700 -- "$work/data"
  ((status != incomplete)) || fail "Some files could not be read, so the snapshot is incomplete: ${said##*$'\n'}" \
    "Older snapshots are kept." "ls -lR $apps | grep -v $(id -un); then: $here/mail-backup backup"
  ((status == 0)) || fail_restic "$status" "The backup failed"
  with_lock forget --host "$host_name" --tag mail-stack --group-by host --prune \
    --keep-daily "$keep_daily" --keep-weekly "$keep_weekly" --keep-monthly "$keep_monthly" ||
    fail_restic "$?" "The snapshot is made, old ones could not be removed"
  is_check_due || return 0
  do_check "" && mark check.success
}

is_check_due() {
  [ -z "$(find "$state" -maxdepth 1 -name check.success -mmin "-$((check_after_hours * 60))")" ]
}

do_check() {
  local part=$((10#$(date +%V) % check_parts + 1))/$check_parts
  [ "${1-}" != --all ] || part=100%
  with_lock check --read-data-subset "$part" || {
    local status=$?
    mark check.failure "The repository is damaged or cannot be read."
    fail_restic "$status" "The check failed"
  }
}

do_export() {
  local status=0
  said=$(tool export 2>&1 | tee >(cat >&2) | tail -n "$shown_lines"; exit "${PIPESTATUS[0]}") || status=$?
  ((status == 0)) || fail "The export ended with status $status: ${said##*$'\n'}" \
    "The last good export is as it was; what could be read is in it." "$here/mail-backup export"
}
