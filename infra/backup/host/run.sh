# shellcheck shell=bash
# Backups of the mail host. Timers of systemd run this; a person may run it at any time (docs/backup.md). files.ts puts the
# parts of infra/backup/host together to one file, and in front of them:
#   host_name                              as which machine snapshots and locks are known
#   keep_daily, keep_weekly, keep_monthly  how many snapshots
set -euo pipefail
umask 077
export LC_ALL=C
# The user's own settings for compose must not turn these runs to another project.
unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_ENV_FILES COMPOSE_DISABLE_ENV_FILE MAIL_UID MAIL_GID

# One run at a time, its outcome, and who is told of it.
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
readonly here
readonly apps=${here%/*}
readonly stack=$apps/mail-stack
readonly work=$here/work
readonly state=$here/state
readonly secrets=$here/secrets
# How long a run waits for another one, in seconds: the longest upload of a first backup is no reason to miss a check.
readonly wait_seconds=7200
readonly shown_lines=12
# A post that hangs must not keep the next run waiting, in seconds.
readonly post_seconds=20
# What the last program has said.
said=

# Ends the run: fact, consequence, next command.
fail() {
  reason=$1
  printf '%s\n' "$@" >&2
  exit 1
}

compose() {
  docker compose --progress quiet -f "$stack/compose.yaml" "$@"
}

tool() {
  compose --profile tools run --rm -T "$@" </dev/null
}

# Takes the lock that all commands share, or waits for it. Programs that this run starts keep it. [SECONDS]
alone() {
  local seconds=${1-$wait_seconds}
  # All 0700, by the umask.
  mkdir -p -- "$work/data" "$state" "$here/cache" "$here/restore" "$apps/stalwart/data/export"
  exec 9>>"$here/lock"
  flock -w "$seconds" 9 || fail "Another run has been busy for $seconds s." "Nothing was done." \
    "Look what holds it: fuser -v $here/lock"
  start_again
}

# Runs a command of the timers: alone, with its outcome written down and told.
job() {
  job=$1
  reason=
  trap 'job_ended $?' EXIT
  # A signal ends the run through the trap above, also while a program runs.
  trap 'reason="It was ended by a signal."; exit 143' HUP INT TERM
  [ "$job" != backup ] || beat /start
  alone
  shift
  "do_$job" "$@"
}

job_ended() {
  local status=$1 text
  trap - EXIT
  trap '' HUP INT TERM
  set +e
  start_again
  if [ "$status" -eq 0 ]; then
    mark "$job.success"
    [ "$job" != backup ] || beat ""
  else
    text=${reason:-"It ended with status $status."}
    mark "$job.failure" "$text"
    alert "mail-backup $job on $host_name failed: $text"
    [ "$job" != backup ] || beat /fail
  fi
  write_status
  exit "$status"
}

# Writes a file whole or not at all. NAME TEXT
put_state() {
  printf '%s\n' "$2" >"$state/.$1.new" && sync -- "$state/.$1.new" && mv -fT -- "$state/.$1.new" "$state/$1"
}

# NAME [TEXT]
mark() {
  put_state "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ) ${2-}"
}

# For the doctor: when each job last went well, and when and why it failed since.
write_status() {
  local job text success failure why
  mkdir -p -- "$state"
  text='{"format":1'
  for job in export backup check drill; do
    success="" failure="" why=""
    [ ! -f "$state/$job.success" ] || read -r success _ <"$state/$job.success"
    [ ! -f "$state/$job.failure" ] || read -r failure why <"$state/$job.failure"
    # Times of this form are in order as texts.
    [[ $failure > $success || $failure == "$success" ]] || failure=""
    text+=",\"$job\":{\"success\":$(json "$success"),\"failure\":$(json "$failure")"
    [ -z "$failure" ] || text+=",\"why\":$(json "$why")"
    text+="}"
  done
  [ ! -f "$state/drill.report" ] || text+=",\"drillReport\":$(<"$state/drill.report")"
  put_state status.json "$text}"
}

# A text of printable ASCII as JSON, or null for none.
json() {
  local text=${1//[^ -~]/?}
  [ -n "$text" ] || {
    printf null
    return
  }
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

# The URLs are as good as passwords: they come from files and go to curl on its standard input.
alert() {
  post alert-url "" "$1"
}

beat() {
  post heartbeat-url "$1" "${reason-}"
}

# A value of curl's configuration file (curl(1), -K): between quotes a backslash escapes itself and the quote.
curl_value() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

# FILE SUFFIX TEXT. A message that cannot be sent is not a reason to fail. Without globoff curl reads {a,b} and [1-3] in a URL
# as several URLs.
post() {
  local url
  [ -s "$secrets/$1" ] || return 0
  url=$(<"$secrets/$1")
  [ -z "$2" ] || url=${url%/}$2
  printf 'globoff\nurl = %s\n' "$(curl_value "$url")" |
    curl --config - --silent --show-error --fail --max-time "$post_seconds" --retry 2 --output /dev/null \
      --data-raw "$3" 2>&1 | sed 's|https://[^ ]*|[url]|gI' >&2 || true
}
