# shellcheck shell=bash
# What the doctor asks of the host, in one go: lines of a name, a tab and a value. Changes nothing. facts.ts sets in front:
#   apps_folder  the apps folder's name below $HOME
#   files        paths of the shipped files in it
#   timers       names of the user's timers
# shellcheck disable=SC2154
set -u
export LC_ALL=C
unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_ENV_FILES COMPOSE_DISABLE_ENV_FILE
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}

say() {
  printf '%s\t%s\n' "$1" "$2"
}

main() {
  say time "$(date +%s)"
  say docker "$(docker_version)"
  say compose "$(docker compose version --short 2>/dev/null </dev/null)"
  say linger "$(loginctl show-user "$(id -un)" --property=Linger --value 2>/dev/null)"
  local name
  for name in "${timers[@]}"; do say "timer $name" "$(systemctl --user is-active "$name" 2>/dev/null)"; done
  cd -- "$HOME/$apps_folder" 2>/dev/null || return 0
  say disk "$(df --output=avail,size -B1 . | tail -n 1)"
  docker compose -f mail-stack/compose.yaml ps --all --format json 2>/dev/null </dev/null |
    while IFS= read -r line; do say container "$line"; done
  [ ! -r mail-stack/installed ] || while IFS= read -r name; do say installed "$name"; done <mail-stack/installed
  for name in "${files[@]}"; do
    [ ! -f "$name" ] || say "file $name" "$(stat -c %a -- "$name") $(of_file "$name")"
  done
  say applied "$(cat stalwart/applied 2>/dev/null)"
  say plan "$(hash_of_plan)"
  say arrivals "$(asked_about_arrivals)"
  say certificate "$(base64 -w 0 stalwart/tls/fullchain.pem 2>/dev/null)"
  say manifest "$(stat -c %Y stalwart/data/export/manifest.json 2>/dev/null)"
  say backup "$(cat backup/state/status.json 2>/dev/null)"
}

# Of the engine; nothing when it does not answer. `docker info` ends with 0 without one (docker 26.1).
docker_version() {
  local version
  version=$(docker version --format '{{.Server.Version}}' 2>/dev/null </dev/null) || return 0
  [[ ! $version =~ ^[0-9]+\.[0-9] ]] || printf '%s' "$version"
}

# "answers", or why the service does not.
asked_about_arrivals() {
  local said
  if said=$(docker compose -f mail-stack/compose.yaml --profile tools run --rm -T onhost arrivals --check 2>&1 </dev/null); then
    printf 'answers'
  else
    printf '%s' "${said%%$'\n'*}"
  fi
}

# Labels of compose.yaml are digests of secrets that the doctor does not know.
of_file() {
  local sum
  sum=$(sed '/mail-stack\.files/d' -- "$1" 2>/dev/null | sha256sum)
  printf '%s' "${sum%% *}"
}

# As install.sh has it.
hash_of_plan() {
  local name paths=() sum
  [ -r mail-stack/installed ] || return 0
  while IFS= read -r name; do
    [[ $name != stalwart/plan/* && $name != stalwart/secrets/* ]] || paths+=("$name")
  done <mail-stack/installed
  sum=$(sha256sum -- "${paths[@]}" 2>/dev/null | sha256sum)
  printf '%s' "${sum%% *}"
}

