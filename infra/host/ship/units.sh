# shellcheck shell=bash
# Units of the user's own systemd: every shipped file `*/units/*.service` or `*/units/*.timer` of the apps folder is linked,
# timers run, and what is linked into the apps folder and no longer shipped goes. The host's user needs no root for that,
# but systemd must keep running what is theirs when they are not logged in (lingering), which root allows once.

readonly unit_links=$HOME/.config/systemd/user

list_units() {
  local path
  services=() timers=()
  for path in "${wanted[@]}"; do
    case $path in
      */units/*.service) services+=("$path") ;;
      */units/*.timer) timers+=("$path") ;;
    esac
  done
}

# Before anything is installed: without timers there would be no backups, and nobody would notice.
guard_units() {
  list_units
  ((${#services[@]} + ${#timers[@]} > 0)) || return 0
  export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
  command -v curl >/dev/null || fail "This host lacks curl, with which backups tell of failures." "$untouched" \
    "sudo apt-get install curl; then: pulumi up"
  quietly loginctl show-user "$(id -un)" --property=Linger --value || said=no
  [ "$said" = yes ] || fail "systemd ends everything of $(id -un) at logout (no lingering), so timers would not run." \
    "$untouched" "sudo loginctl enable-linger $(id -un); then: pulumi up"
  quietly systemctl --user daemon-reload || fail "systemd does not answer to $(id -un): $said" "$untouched" \
    "sudo systemctl start user@$(id -u); then: pulumi up"
}

converge_units() {
  local link name path
  for link in "$unit_links"/*; do
    if [ ! -L "$link" ] || [[ $(readlink -- "$link") != "$apps"/*/units/* ]]; then continue; fi
    name=${link##*/}
    for path in "${services[@]}" "${timers[@]}"; do [ "$(readlink -- "$link")" != "$apps/$path" ] || continue 2; done
    # It may not run, and its file is gone already.
    quietly systemctl --user stop "$name" || true
    rm -f -- "$link" "$unit_links"/*.wants/"$name"
    removed_units=yes
  done
  ((${#services[@]} + ${#timers[@]} > 0)) || {
    [ -z "${removed_units-}" ] || quietly systemctl --user daemon-reload || true
    return 0
  }
  local all=("${services[@]/#/$apps/}" "${timers[@]/#/$apps/}") startable=()
  for path in "${all[@]}"; do ! grep -q '^\[Install\]' -- "$path" || startable+=("$path"); done
  start_units || fail "The timers of the backups could not be started: $said" "Mail runs; there are no backups yet." \
    "systemctl --user status '${timers[0]##*/}' on the host; then: pulumi up"
}

start_units() {
  quietly systemctl --user link "${all[@]}" && quietly systemctl --user daemon-reload &&
    quietly systemctl --user enable "${startable[@]}" && quietly systemctl --user restart "${timers[@]##*/}"
}
