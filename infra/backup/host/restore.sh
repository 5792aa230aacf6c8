# shellcheck shell=bash
# Restores. Nothing that is there is lost: it is moved aside first. Each may be run again after it was cut.

# mail|export|host [SNAPSHOT], or nothing
restore() {
  local what=${1-} snapshot=${2-latest}
  [[ $snapshot =~ ^(latest|[0-9a-f]{8,64})$ ]] || fail "'$snapshot' is no snapshot." "Nothing was done." "$here/mail-backup snapshots"
  case $what in
    mail) restore_mail "$snapshot" ;;
    export) fetch "$snapshot" export /export && printf 'The exported mail is in %s\n' "$here/restore/export/export" ;;
    nothing) put_aside && start_again && printf 'Stalwart is empty. What was there before is in %s\n' "$aside" ;;
    host) restore_host "$snapshot" ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
}

# SNAPSHOT NAME PATH...: what the paths held, in backup/restore/NAME. Files that are there already and equal are not fetched anew.
fetch() {
  local snapshot=$1 name=$2 path include=()
  shift 2
  for path in "$@"; do include+=(--include "$path"); done
  mkdir -p -- "$here/restore/$name"
  restic_says restore "$snapshot" --no-lock --host "$host_name" --delete --target "/restore/$name" "${include[@]}" ||
    fail_restic "$?" "The restore failed"
  no_links "$here/restore/$name"
}

# FOLDER of a restored snapshot. No backup contains a symbolic link; one would make programs that read the folder read or write
# somewhere else.
no_links() {
  local found
  found=$(find "$1" ! -type f ! -type d -print -quit)
  [ -z "$found" ] || fail "The snapshot holds something that is neither a file nor a folder: ${found#"$1"}" \
    "Nothing in it was used." "Look at it, or choose another snapshot: $here/mail-backup snapshots"
}

restore_mail() {
  fetch "$1" mail /stalwart-data /export
  put_mail_in_place "$here/restore/mail"
}

# Stops Stalwart, until start_again, and empties its store into the folder $aside.
put_aside() {
  aside=$apps/stalwart/data.before-$(date -u +%Y%m%dT%H%M%SZ)
  exec 8>>"$stack/lock"
  flock -w "$stack_lock_seconds" 8 || fail "pulumi up has been busy for $stack_lock_seconds s." "Nothing was changed." \
    "When it has ended, the same command again"
  : >"$stopped"
  compose stop stalwart >&2 </dev/null || fail "Stalwart cannot be stopped." "Nothing was changed." "docker ps"
  mkdir -m 0700 -- "$aside"
  # The folder itself stays: it may be a link to another disk.
  find -H "$data" -mindepth 1 -maxdepth 1 -exec mv -t "$aside" {} +
}

# FOLDER: a restored snapshot whose store becomes Stalwart's.
put_mail_in_place() {
  local from=$1
  [ -n "$(ls -A -- "$from/stalwart-data" 2>/dev/null)" ] || fail "The snapshot holds no mail." "Nothing was changed." \
    "Take another one: $here/mail-backup snapshots"
  put_aside
  find "$from/stalwart-data" -mindepth 1 -maxdepth 1 -exec mv -t "$data" {} +
  # The export comes from the same snapshot: JMAP's states repeat after a restore, so a newer one would go on from what is lost.
  [ ! -d "$from/export" ] || mv -T -- "$from/export" "$data/export"
  rm -rf -- "$from"
  start_again || fail "The mail is restored, and Stalwart does not start." "What was there before is in $aside." \
    "docker compose -f $stack/compose.yaml logs --tail 50 stalwart"
  printf 'Restored. What was there before is in %s\n' "$aside"
}

# On a host that `pulumi up` has just set up: what only the old one had.
restore_host() {
  fetch "$1" host /stalwart-data /export /apps/stalwart/secrets/recovery-admin.env /apps/stalwart/secrets/stalwart-cli.env \
    /apps/stalwart/keys /apps/stalwart/tls /apps/stalwart/version /apps/traefik/acme
  local from=$here/restore/host path was
  was=$(<"$from/apps/stalwart/version")
  [ "$was" = "$(<"$apps/stalwart/version")" ] || printf 'Stalwart %s wrote the backup.\n' "$was" >&2
  for path in stalwart/secrets/recovery-admin.env stalwart/secrets/stalwart-cli.env; do
    install -m 0600 -- "$from/apps/$path" "$apps/$path"
  done
  # The API keys that the store knows are those of the snapshot.
  find "$apps/stalwart/keys" -mindepth 1 -delete
  for path in stalwart/keys stalwart/tls traefik/acme; do
    [ ! -d "$from/apps/$path" ] || cp -a -- "$from/apps/$path/." "$apps/$path/"
  done
  put_mail_in_place "$from"
  # Environment files are read when a container is made.
  compose up --detach --wait </dev/null >&2 || fail "The mail is restored, and not every service became healthy." \
    "Look at them first." "docker compose -f $stack/compose.yaml ps"
  printf 'Now, on the machine that runs Pulumi: pulumi up --replace the host-key resource, so that the Worker gets the key of this store.\n'
}
