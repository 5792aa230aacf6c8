# shellcheck shell=bash
# Brings the apps folder and its containers to the state of the files that follow this script on standard input, as the
# base64 of a tar archive. May be killed at any point: the next run ends in the same state. script.ts sets:
#   files_sha256      of the archive
#   stalwart_version  the one that compose.yaml starts, like 0.16.18
# What lies in the stack's folder beside the shipped files:
#   lock       held by a run         installed  paths of the shipped files, one in each line
#   staging/   of one run, 0700      .env       the user that containers run as

# Folders that containers write to: made once, never removed. A symbolic link to another disk is fine.
container_folders=(stalwart/data stalwart/tls stalwart/keys stalwart/secrets traefik/acme)
# The tailnet's services, when files for them are among the shipped ones. Mail does not wait for them.
readonly tailnet_folders=(tailscale/state tailscale/run coredns/zone)
readonly mail_services=(stalwart traefik cloudflared certificates)
# What the scripts keep among them.
readonly kept_files=(mail-stack/.env mail-stack/installed stalwart/version stalwart/applied
  stalwart/secrets/recovery-admin.env stalwart/secrets/stalwart-cli.env)
# How long services have to become healthy, in seconds.
readonly healthy_seconds=300
# As in pack.ts.
readonly plain_path='^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9._][A-Za-z0-9._-]*)+$'
# With this status `onhost verify` says that all settings are as planned and ports are not: only a start opens and closes them.
readonly restart_needed=4
readonly untouched="Nothing was installed and nothing was restarted."
readonly half_way="Files before it are installed, the others are as they were, and nothing was restarted."

main() {
  know_secrets_of_host
  need_programs
  need_docker
  refuse_link "$stack"
  need_folder "$apps" 0755 "$untouched"
  need_folder "$stack" 0755 "$untouched"
  lock
  unpack
  guard
  guard_units
  install_files
  start_containers
  configure_stalwart
  converge_units
  rm -rf -- "$staging"
  printf 'installed %d, removed %d\n' "$installed" "$removed"
}

need_programs() {
  ((BASH_VERSINFO[0] >= 5)) || fail "bash on this host is $BASH_VERSION; 5 or newer is needed." "Nothing was changed." \
    "Upgrade the host's distribution, then: pulumi up"
  local program missing=()
  for program in flock tar base64 sha256sum sync stat sort; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  ((${#missing[@]} == 0)) || fail "This host lacks: ${missing[*]}." "Nothing was changed." \
    "sudo apt-get install coreutils tar util-linux; then: pulumi up"
}

# PATH CONSEQUENCE
fail_writing() {
  fail "$1 cannot be written: $said" "$2" \
    "Look for room and for owners: df -h $apps; ls -la ${1%/*}; then: pulumi up"
}

# FOLDER MODE [CONSEQUENCE]
need_folder() {
  [ -d "$1" ] || said=$(mkdir -m "$2" -- "$1" 2>&1) || fail_writing "$1" "${3-$half_way}"
}

# Whoever links a folder of ours to somewhere else would have us write there.
refuse_link() {
  [ ! -L "$1" ] || fail "$1 is a symbolic link to $(readlink -- "$1")." "$untouched" \
    "Put a real folder there (only the folders that containers write to may be links), then: pulumi up"
}

unpack() {
  said=$({ rm -rf -- "$staging" && mkdir -m 0700 -- "$staging" "$staging/apps" && base64 -d >"$staging/files.tar"; } 2>&1) ||
    fail_writing "$staging" "$untouched"
  exec </dev/null
  local arrived
  arrived=$(sha256sum <"$staging/files.tar")
  [ "${arrived%% *}" = "$files_sha256" ] ||
    fail "The files arrived damaged: their SHA-256 is ${arrived%% *} and not $files_sha256." "$untouched" "pulumi up"
  said=$(tar -xpf "$staging/files.tar" --no-same-owner -C "$staging/apps" 2>&1) || fail_writing "$staging" "$untouched"
  mapfile -t wanted < <(tar -tf "$staging/files.tar")
  rm -f -- "$staging/files.tar"
  has_tailnet=""
  if [[ " ${wanted[*]} " == *" tailscale/"* ]]; then
    has_tailnet=yes
    container_folders+=("${tailnet_folders[@]}")
  fi
}

user_of_containers() {
  printf 'MAIL_UID=%d\nMAIL_GID=%d\n' "$(id -u)" "$(id -g)"
}

install_files() {
  local path folder
  installed=0 removed=0
  for folder in "${container_folders[@]}"; do
    need_folder "$apps/${folder%/*}" 0755
    need_folder "$apps/$folder" 0700
  done
  # What a killed run may have left.
  for path in "${wanted[@]}" "${!was_installed[@]}" "${kept_files[@]}"; do
    rm -f -- "$(new_name "$apps/$path")"
  done
  # Both lists, so that a run that follows a killed one knows what this one has begun to write.
  keep mail-stack/installed 0644 "$(printf '%s\n' "${wanted[@]}" "${!was_installed[@]}" | sort -u)"
  for path in "${wanted[@]}"; do
    install_file "$path"
  done
  declare -A is_wanted=()
  for path in "${wanted[@]}"; do is_wanted[$path]=yes; done
  for path in "${!was_installed[@]}"; do
    [ -n "${is_wanted[$path]-}" ] || remove_file "$path"
  done
  keep mail-stack/installed 0644 "$(printf '%s\n' "${wanted[@]}")"
  keep mail-stack/.env 0644 "$(user_of_containers)"
  keep_recovery_admin
}

install_file() {
  local folder="" part parts=()
  IFS=/ read -ra parts <<<"${1%/*}"
  for part in "${parts[@]}"; do
    folder+=/$part
    need_folder "$apps$folder" 0755
  done
  same_file "$staging/apps/$1" "$apps/$1" || { put "$staging/apps/$1" "$apps/$1" && installed=$((installed + 1)); }
}

remove_file() {
  [ ! -e "$apps/$1" ] || removed=$((removed + 1))
  said=$(rm -f -- "$apps/$1" 2>&1) || fail_writing "$apps/$1" "$half_way"
  (cd -- "$apps" && rmdir -p --ignore-fail-on-non-empty -- "${1%/*}" 2>/dev/null) || true
}

# A file that the scripts keep. PATH MODE TEXT
keep() {
  local draft=$staging/draft
  said=$({ rm -f -- "$draft" && printf '%s\n' "$3" >"$draft" && chmod "$2" -- "$draft"; } 2>&1) ||
    fail_writing "$draft" "$half_way"
  same_file "$draft" "$apps/$1" || put "$draft" "$apps/$1"
}

is_kept() {
  [ -f "$apps/$1" ] && [ "$(<"$apps/$1")" = "$2" ]
}

# Who may do everything in Stalwart, also when nobody else can log in. The password is made here, once, and stays here.
keep_recovery_admin() {
  local admin password
  if [ -s "$apps/stalwart/secrets/recovery-admin.env" ]; then
    admin=$(<"$apps/stalwart/secrets/recovery-admin.env")
    password=${admin#STALWART_RECOVERY_ADMIN=admin:}
  else
    password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
  fi
  secrets+=("$password")
  keep stalwart/secrets/recovery-admin.env 0600 "STALWART_RECOVERY_ADMIN=admin:$password"
  # The same login as stalwart-cli wants it.
  keep stalwart/secrets/stalwart-cli.env 0600 "STALWART_USER=admin"$'\n'"STALWART_PASSWORD=$password"
}

# The name that a file has until it is complete: in the same folder, because only there a rename is atomic.
new_name() {
  printf '%s/.%s.mail-stack-new' "${1%/*}" "${1##*/}"
}

# Puts a copy of a file in the place of another, all or nothing, with the mode of the first. FROM TO
put() {
  local new
  new=$(new_name "$2")
  said=$({ rm -f -- "$new" && cp -- "$1" "$new" && chmod --reference="$1" -- "$new" && sync -- "$new" &&
    mv -fT -- "$new" "$2" && sync -- "${2%/*}"; } 2>&1) || {
    rm -f -- "$new"
    fail_writing "$2" "$half_way"
  }
}

same_content() {
  [ -f "$1" ] && [ -r "$2" ] && [ -f "$2" ] && [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]
}

same_file() {
  [ ! -L "$2" ] && same_content "$1" "$2" && [ "$(stat -c %a -- "$1")" = "$(stat -c %a -- "$2")" ]
}

start_containers() {
  quietly compose --profile tools pull --quiet --policy missing ||
    fail "Not every image could be fetched: $said" "The new files are installed, the old containers are running." \
      "Try it on the host: docker compose -f $stack/compose.yaml pull; then: pulumi up"
  # Before the start: what starts may write at once.
  keep stalwart/version 0644 "$stalwart_version"
  up || fail "Not every service became healthy in $healthy_seconds s: $said" \
    "The new files are installed. What Stalwart is to be told was not told." \
    "Look on the host: docker compose -f $stack/compose.yaml ps; docker compose -f $stack/compose.yaml logs --tail 50; then: pulumi up"
}

up() {
  local named=()
  [ -z "$has_tailnet" ] || named=("${mail_services[@]}")
  quietly compose up --detach --wait --wait-timeout "$healthy_seconds" --remove-orphans --quiet-pull "${named[@]}" || return
  # A tailnet that lets nobody in shows when its machine is asked for.
  [ -z "$has_tailnet" ] || quietly compose up --detach --quiet-pull
}

# Applies the plan when it or its secrets changed, or when the server is not as planned.
configure_stalwart() {
  local plan file status=0
  plan=$(hash_of_plan)
  if quietly tool onhost verify && is_kept stalwart/applied "$plan"; then return 0; fi

  # Reloading is a plan of its own: an error in any line would skip every clean-up of the first.
  for file in plan reload; do
    quietly tool stalwart-cli apply --file "/plan/$file.ndjson" || fail_stalwart "Stalwart refuses $file.ndjson: $said"
  done
  quietly tool onhost verify || status=$?
  if ((status == restart_needed)); then
    quietly compose restart stalwart || fail_stalwart "Stalwart cannot be restarted: $said"
    up || fail_stalwart "Stalwart did not come back with its new listeners: $said"
  fi
  quietly tool onhost passwords || fail_stalwart "Passwords could not be set: $said"
  quietly tool onhost verify || fail_stalwart "Stalwart took the plan and is not as planned: $said"
  keep stalwart/applied 0644 "$plan"
}

fail_stalwart() {
  fail "$1" "The files are installed and the services run; Stalwart's settings are between the old and the new ones." \
    "Look on the host: docker compose -f $stack/compose.yaml logs --tail 50 stalwart; then: pulumi up"
}

# One SHA-256 over what the plan and its secrets are.
hash_of_plan() {
  local path paths=() sum
  for path in "${wanted[@]}"; do
    [[ $path != stalwart/plan/* && $path != stalwart/secrets/* ]] || paths+=("$path")
  done
  sum=$(cd -- "$apps" && sha256sum -- "${paths[@]}" | sha256sum)
  printf '%s' "${sum%% *}"
}
