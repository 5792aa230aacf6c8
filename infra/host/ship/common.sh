# shellcheck shell=bash
# What the scripts share that pulumi runs on the host with `bash -s`. script.ts sets in front of this:
#   apps_folder  the apps folder's name below $HOME
#   secrets      texts that must not be shown, whatever a program says
# Each script is functions and one last line that calls main: a script cut on its way does nothing.
# No function reads standard input but the one that unpacks: a program that did would eat the rest of the script.
set -euo pipefail
umask 077
export LC_ALL=C
# The user's own settings for compose must not turn these runs to another project.
unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_ENV_FILES COMPOSE_DISABLE_ENV_FILE MAIL_UID MAIL_GID

readonly project=mail-stack
readonly apps=$HOME/${apps_folder:?}
readonly stack=$apps/$project
readonly staging=$stack/staging
# How long a run waits for another one, in seconds.
readonly lock_seconds=300
# How much of a program's output an error shows.
readonly shown_lines=20

# Prints a text without the secrets in it.
without_secrets() {
  local text=$1 secret
  for secret in "${secrets[@]}"; do
    text=${text//"$secret"/[secret]}
  done
  printf '%s\n' "$text"
}

# Ends the run. fact, consequence, next command
fail() {
  without_secrets "$(printf '%s\n' "$@")" >&2
  trap - EXIT
  exit 1
}

# No failure without a word, also where nobody thought of one.
unexpected() {
  local status=$?
  ((status == 0)) || fail "The script ended with status $status at: $BASH_COMMAND" \
    "The host is between two states; the next run takes it from there." "pulumi up"
}
trap unexpected EXIT

# Secrets that lie on this host: those that were made here, and former ones that a program may still have.
know_secrets_of_host() {
  local file line lines
  for file in "$apps"/*/secrets/* "$apps"/stalwart/keys/* "$apps"/arrivals/keys/* "$apps"/cloudflared/token; do
    if [ ! -f "$file" ] || [ ! -O "$file" ]; then continue; fi
    mapfile -t lines <"$file"
    for line in "${lines[@]}"; do
      if [[ $line =~ ^[A-Z_]+=(.*)$ ]]; then
        line=${BASH_REMATCH[1]#admin:}
        # As formats/env-file.ts writes it.
        [[ ! $line =~ ^([\"\'])(.*)[\"\']$ ]] || line=${BASH_REMATCH[2]}
      fi
      # A shorter text would blot out ordinary words.
      ((${#line} < 8)) || secrets+=("$line")
    done
  done
}

# Runs a program without input. What it says is kept in $said, its last lines only.
quietly() {
  local status=0
  said=$("$@" 2>&1 </dev/null | tail -n "$shown_lines"; exit "${PIPESTATUS[0]}") || status=$?
  return "$status"
}

# The installed project. Services of the profile `tools` run only when they are named.
compose() {
  docker compose -f "$stack/compose.yaml" "$@"
}

# One of our own programs, or Stalwart's, in a container of its own.
tool() {
  compose --profile tools run --rm -T "$@"
}

need_docker() {
  command -v docker >/dev/null || fail \
    "docker is not installed on this host: $(id -un) has no program of this name on the PATH $PATH." \
    "Nothing was changed." \
    "Install Docker Engine with its compose plugin (Ubuntu: sudo apt-get install docker.io docker-compose-v2; else as docs.docker.com/engine/install says), then: pulumi up"
  quietly docker compose version --short || fail \
    "docker has no compose plugin on this host: $said" \
    "Nothing was changed." \
    "sudo apt-get install docker-compose-plugin (on Ubuntu docker-compose-v2), then: pulumi up"
  if [[ ! $said =~ ^v?([0-9]+)\.([0-9]+) ]] || ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 2024)); then
    fail "docker compose on this host is $said; 2.24 or newer is needed." "Nothing was changed." \
      "sudo apt-get update && sudo apt-get install --only-upgrade docker-compose-plugin (on Ubuntu docker-compose-v2), then: pulumi up"
  fi
  # `docker info` ends with 0 without an engine (26.1) or with 1 (28.2); `version` of the server fails everywhere.
  { quietly docker version --format '{{.Server.Version}}' && [[ $said =~ (^|$'\n')[0-9]+\.[0-9] ]]; } || fail \
    "$(id -un) cannot use docker on this host: $said" \
    "Nothing was changed." \
    "sudo systemctl start docker; sudo usermod -aG docker $(id -un); then: pulumi up"
}

# Waits until no other run is busy in the apps folder. What this run starts keeps the lock, even when the run is killed.
lock() {
  exec 9>>"$stack/lock"
  flock -w "$lock_seconds" 9 || fail \
    "Another run has been busy in $apps for $lock_seconds s." \
    "Nothing was changed." \
    "Look what holds it: fuser -v $stack/lock; when it has ended: pulumi up"
}
