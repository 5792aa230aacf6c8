# shellcheck shell=bash
# Brings the apps folder and its containers to the state of the files that follow this script on standard input, as the
# base64 of a tar archive. May be killed at any point: the next run ends in the same state. script.ts sets:
#   files_sha256      of the archive
#   stalwart_version  the one that compose.yaml starts, like 0.16.18
# What lies in the stack's folder beside the shipped files:
#   lock       held by a run         installed  paths of the shipped files, one in each line
#   staging/   of one run, 0700      .env       the user that containers run as
#   closed     there while an upgrade lets nobody in (ops/upgrade/host.sh)

# Folders that containers write to: made once, never removed. A symbolic link to another disk is fine.
container_folders=(stalwart/data stalwart/tls stalwart/keys stalwart/secrets arrivals/keys traefik/acme)
# The tailnet's services, when files for them are among the shipped ones. Mail does not wait for them.
readonly tailnet_folders=(tailscale/state tailscale/run coredns/zone)
readonly mail_services=(stalwart traefik cloudflared certificates arrivals)
# What the scripts keep among them.
readonly kept_files=(mail-stack/.env mail-stack/installed stalwart/version stalwart/applied
  stalwart/secrets/recovery-admin.env stalwart/secrets/stalwart-cli.env)
# How long services have to become healthy, in seconds.
readonly healthy_seconds=300
# As in pack.ts.
readonly plain_path='^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9._][A-Za-z0-9._-]*)+$'

main() {
  know_secrets_of_host
  need_programs
  need_docker
  refuse_link "$stack"
  need_folder "$apps" 0755 "$untouched"
  need_folder "$stack" 0755 "$untouched"
  lock
  unpack
  look_for_tailnet
  guard
  guard_units
  install_files
  start_containers
  configure_stalwart plan stalwart/applied
  converge_units
  rm -rf -- "$staging"
  printf 'installed %d, removed %d\n' "$installed" "$removed"
}

look_for_tailnet() {
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

remove_file() {
  [ ! -e "$apps/$1" ] || removed=$((removed + 1))
  said=$(rm -f -- "$apps/$1" 2>&1) || fail_writing "$apps/$1" "$half_way"
  (cd -- "$apps" && rmdir -p --ignore-fail-on-non-empty -- "${1%/*}" 2>/dev/null) || true
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
  # What it has written may have to be thrown away again: nothing may come in before it was tried.
  if [ -e "$stack/closed" ]; then
    quietly compose up --detach --wait --wait-timeout "$healthy_seconds" --quiet-pull stalwart
    return
  fi
  local named=()
  [ -z "$has_tailnet" ] || named=("${mail_services[@]}")
  quietly compose up --detach --wait --wait-timeout "$healthy_seconds" --remove-orphans --quiet-pull "${named[@]}" || return
  # A tailnet that lets nobody in shows when its machine is asked for.
  [ -z "$has_tailnet" ] || quietly compose up --detach --quiet-pull
}
