# shellcheck shell=bash
# What an upgrade of Stalwart does on the host. script.ts sends it over SSH as one command, with in front of it:
#   apps_folder  the apps folder's name below $HOME
#   wanted       the version that this checkout has, like 0.16.19
# and behind it the function that is to run. Each may be killed at any point and run again: the next one waits until what
# a killed one has started is over. In mail-stack/ lie:
#   upgrade              how far it is: PHASE FROM TO SNAPSHOT
#   closed               nobody gets in: Traefik stands still, and `pulumi up` starts Stalwart alone (install.sh)
#   before-upgrade.tar   the installed files of the version before
set -euo pipefail
umask 077
export LC_ALL=C
# The user's own settings for compose must not turn these runs to another project.
unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_ENV_FILES COMPOSE_DISABLE_ENV_FILE MAIL_UID MAIL_GID

readonly apps=$HOME/${apps_folder:?}
readonly stack=$apps/mail-stack
readonly data=$apps/stalwart/data
readonly backup=$apps/backup/mail-backup
# The oldest version from which Stalwart migrates its data by itself (its UPGRADING/v0_16.md).
readonly oldest_minor=16
# A backup that has not gone well for longer is one that nobody should rely on, in minutes.
readonly fresh_minutes=2880
# How long a run waits for another one, in seconds: a large mailbox is exported and uploaded meanwhile.
readonly wait_seconds=7200
# Without these no mail comes in.
readonly needed=(stalwart traefik cloudflared)

# Ends the run: fact, consequence, next command.
fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

compose() {
  docker compose --progress quiet -f "$stack/compose.yaml" "$@" </dev/null
}

# Everything that is started from here keeps the lock.
alone() {
  exec 7>>"$stack/upgrade.lock"
  flock -w "$wait_seconds" 7 || fail "Another run has been busy with the upgrade for $wait_seconds s." "Nothing was done." \
    "Look what holds it: fuser -v $stack/upgrade.lock"
}

# Waits for a `pulumi up` that is busy; what it starts must not be stopped half way. Until let_stack_go.
hold_stack() {
  exec 8>>"$stack/lock"
  flock -w "$wait_seconds" 8 || fail "pulumi up has been busy for $wait_seconds s." "Nothing was changed." "fuser -v $stack/lock"
}
let_stack_go() {
  exec 8>&-
}

read_version() {
  version=""
  [ ! -f "$apps/stalwart/version" ] || version=$(<"$apps/stalwart/version")
}

read_phase() {
  phase=none from="" to="" snapshot=""
  [ ! -f "$stack/upgrade" ] || read -r phase from to snapshot <"$stack/upgrade"
}

# A file that is there whole or not at all, also after a power cut. PHASE [SNAPSHOT]
put_phase() {
  phase=$1 snapshot=${2-$snapshot}
  printf '%s %s %s %s\n' "$phase" "$from" "$to" "$snapshot" >"$stack/.upgrade.new"
  sync -- "$stack/.upgrade.new"
  mv -fT -- "$stack/.upgrade.new" "$stack/upgrade"
}

# For who decides what comes next: PHASE FROM TO.
status() {
  read_phase
  printf '%s %s %s\n' "$phase" "${from:--}" "${to:--}"
}

guard() {
  read_version
  guard_version
  guard_health
  guard_backup
  printf 'From Stalwart %s to %s.\n' "$version" "$wanted"
}

# The same rule as that of infra/host/ship/guard.sh, asked before the backup and not after it.
guard_version() {
  local have=() wants=()
  [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "$apps/stalwart/version does not say which Stalwart wrote the data." \
    "Nothing was done." "Write that version into it, like 0.16.18; then the same command again."
  IFS=. read -ra have <<<"$version"
  IFS=. read -ra wants <<<"$wanted"
  [ "$version" != "$wanted" ] || fail "Stalwart $version has run on the data already." "Nothing is to be upgraded." \
    "Whether it runs well: npm run doctor"
  if ((wants[0] < have[0] || (wants[0] == have[0] && (wants[1] < have[1] || (wants[1] == have[1] && wants[2] < have[2]))))); then
    fail "Stalwart $version wrote the data, and $wanted is older: it could damage them." "Nothing was done." \
      "Take a release of mail-stack that has Stalwart $version or newer."
  fi
  if ((have[0] == 0 && have[1] < oldest_minor)); then
    fail "Stalwart $version wrote the data: before 0.$oldest_minor it does not migrate them by itself." "Nothing was done." \
      "Migrate them as Stalwart's UPGRADING/v0_16.md says."
  fi
  if ((wants[0] != have[0] || wants[1] > have[1] + 1)); then
    fail "Stalwart $version wrote the data, and $wanted is not the next after it: migrations start from the minor version before." \
      "Nothing was done." "Take a release of mail-stack that has Stalwart ${have[0]}.$((have[1] + 1)) first."
  fi
}

guard_health() {
  local service listed
  listed=$(compose ps --all --format json) || fail "docker does not tell how the services are." "Nothing was done." "docker ps"
  for service in "${needed[@]}"; do
    grep -F "\"Service\":\"$service\"" <<<"$listed" | grep -F '"State":"running"' | grep -qF '"Health":"healthy"' ||
      fail "$service is not healthy. An upgrade would not show what it has broken." "Nothing was done." \
        "docker compose -f $stack/compose.yaml ps; npm run doctor"
  done
}

guard_backup() {
  [ -n "$(find "$apps/backup/state" -maxdepth 1 -name backup.success -mmin "-$fresh_minutes" 2>/dev/null)" ] ||
    fail "No backup has gone well for $((fresh_minutes / 60)) h, and the way back is a backup." "Nothing was done." \
      "On the host: $backup backup; then the same command again."
}

# Nobody gets in: the Worker keeps what comes in its spool, and mail programs wait with what they send and file.
close() {
  : >"$stack/closed"
  hold_stack
  compose stop traefik >&2 || fail "Traefik cannot be stopped." "Mail flows on; nothing was done." "docker ps"
  let_stack_go
}

begin() {
  read_version
  # Also of a run that goes on where another one was cut.
  guard_version
  from=$version to=$wanted snapshot=-
  put_phase closed
  close
}

# What the way back needs: mail and settings in a snapshot, and the files that make the former version run.
save() {
  local said
  read_phase
  [ "$phase" = closed ] || return 0
  "$backup" export </dev/null >&2
  said=$("$backup" backup 2>&1 </dev/null | tee >(cat >&2))
  [[ $said =~ snapshot\ ([0-9a-f]{8})\ saved ]] || fail "restic does not name the snapshot that it made." \
    "Without it there is no way back." "$backup snapshots"
  keep_snapshot "${BASH_REMATCH[1]}"
  save_files
  put_phase saved
}

# Of a day's snapshots the nightly backup keeps the last one. It leaves alone what has another tag; that makes a new snapshot
# of the same content. The one of the upgrade before is not needed any more.
keep_snapshot() {
  local said
  restic tag --set before-upgrade "$1" >&2
  said=$(restic snapshots --no-lock --tag before-upgrade --json)
  [[ $said =~ .*\"short_id\":\"([0-9a-f]{8})\" ]] || fail "restic does not list the snapshot that it made." \
    "Without it there is no way back." "$backup snapshots"
  snapshot=${BASH_REMATCH[1]}
  restic forget --tag before-upgrade --group-by host --keep-last 1 >&2
}

restic() {
  compose --profile tools run --rm -T restic "$@"
}

save_files() {
  local path
  # The version last: when it is there, everything is.
  { cat -- "$stack/installed"; printf '%s\n' mail-stack/installed mail-stack/.env stalwart/applied stalwart/version; } |
    while IFS= read -r path; do [ ! -f "$apps/$path" ] || printf '%s\n' "$path"; done |
    tar -cpf "$stack/.before-upgrade.tar.new" -C "$apps" -T -
  sync -- "$stack/.before-upgrade.tar.new"
  mv -fT -- "$stack/.before-upgrade.tar.new" "$stack/before-upgrade.tar"
}

# The backup could not be made: everything is as it was.
give_up() {
  read_phase
  [ "$phase" = closed ] || return 0
  let_in
  rm -f -- "$stack/upgrade"
}

let_in() {
  rm -f -- "$stack/closed"
  compose up --detach --wait --remove-orphans "${needed[@]}" >&2 || fail "Not every service became healthy." \
    "Mail waits in the spool." "docker compose -f $stack/compose.yaml ps"
  # A tailnet that lets nobody in must not stop the mail.
  compose up --detach >&2
}

is_installed() {
  read_version
  [ "$version" = "$wanted" ]
}

# Before anybody gets in.
try_out() {
  is_installed || fail "pulumi up did not install Stalwart $wanted." "Stalwart $version is there." "pulumi preview"
  compose up --detach --wait stalwart >&2 || fail "Stalwart $wanted does not become healthy." "Nobody was let in." \
    "docker compose -f $stack/compose.yaml logs --tail 50 stalwart"
  compose --profile tools run --rm -T onhost canary >&2
}

open() {
  read_phase
  # First: from here on there is mail that only the newer version has.
  put_phase opened
  let_in
}

finish() {
  read_phase
  put_phase "done"
}

# The way back. What the newer version has taken in is read from it first: the former one cannot read its data.
turn_back() {
  read_phase
  case $phase in
    closed | saved) put_phase back ;;
    opened | done) put_phase back-collect ;;
  esac
  close
}

collect() {
  read_phase
  [ "$phase" = back-collect ] || return 0
  { compose up --detach --wait stalwart && "$backup" export </dev/null; } >&2 || fail_to_collect
  put_phase back-late
}

fail_to_collect() {
  fail "Stalwart $to does not hand over the mail that came since the upgrade." "Nothing was brought back; mail waits in the spool." \
      "Mend it, and the same command again; or leave that mail in the data that are put aside: --without-new-mail"
}

leave_new_mail() {
  read_phase
  [ "$phase" != back-collect ] || put_phase back
}

bring_back() {
  read_phase
  case $phase in back | back-late) ;; *) return 0 ;; esac
  local aside=$apps/stalwart/data.after-$to-$snapshot
  read_version
  if [ "$version" != "$from" ]; then
    hold_stack
    compose stop stalwart >&2
    [ -d "$aside" ] || mkdir -m 0700 -- "$aside"
    # The folder itself stays: it may be a link to another disk.
    find -H "$data" -mindepth 1 -maxdepth 1 -exec mv -t "$aside" {} +
    bring_back_files
    let_stack_go
  fi
  # Without it the newer version never ran on the data.
  if [ -d "$aside" ]; then
    # With the former image, and not yet started: it would begin with an empty store.
    compose up --no-start stalwart >&2
    "$backup" restore mail "$snapshot" </dev/null >&2
  fi
  compose up --detach --wait stalwart >&2 || fail "Stalwart $from does not become healthy." "Mail waits in the spool." \
    "docker compose -f $stack/compose.yaml logs --tail 50 stalwart"
  if [ "$phase" = back-late ]; then put_phase back-import; else put_phase restored; fi
}

bring_back_files() {
  local path
  # What only the newer version had.
  comm -23 <(sort -u -- "$stack/installed") <(tar -xOf "$stack/before-upgrade.tar" mail-stack/installed | sort -u) |
    while IFS= read -r path; do rm -f -- "${apps:?}/$path"; done
  tar -xpf "$stack/before-upgrade.tar" -C "$apps"
  sync
}

# What is there already is not brought in again.
import_new_mail() {
  read_phase
  [ "$phase" = back-import ] || return 0
  compose --profile tools run --rm -T "--volume=$apps/stalwart/data.after-$to-$snapshot:/new" onhost import /new/export >&2
  put_phase restored
}

open_again() {
  read_phase
  [ "$phase" = restored ] || return 0
  let_in
}

forget() {
  rm -f -- "$stack/upgrade" "$stack/before-upgrade.tar"
}

alone
