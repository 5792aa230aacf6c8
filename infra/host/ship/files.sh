# shellcheck shell=bash
# What the scripts share that put files into the apps folder and bring Stalwart to a plan. They set, with what common.sh names:
#   files_sha256  of the tar archive, which follows the script on standard input as base64

# With this status `onhost verify` says that all settings are as planned and ports are not: only a start opens and closes them.
readonly restart_needed=4
readonly untouched="Nothing was installed and nothing was restarted."
readonly half_way="Files before it are installed, the others are as they were, and nothing was restarted."

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
  [ "${arrived%% *}" = "${files_sha256:?}" ] ||
    fail "The files arrived damaged: their SHA-256 is ${arrived%% *} and not $files_sha256." "$untouched" "pulumi up"
  said=$(tar -xpf "$staging/files.tar" --no-same-owner -C "$staging/apps" 2>&1) || fail_writing "$staging" "$untouched"
  mapfile -t wanted < <(tar -tf "$staging/files.tar")
  rm -f -- "$staging/files.tar"
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

# Applies a plan when it or its secrets changed, or when the server is not as planned. NAME-OF-PLAN FILE-FOR-ITS-HASH [DOMAIN]
# Only the host's own plan has listeners, and with them a restart.
configure_stalwart() {
  local plan file status=0
  plan=$(hash_of_plan)
  if quietly tool onhost verify "${@:3}" && is_kept "$2" "$plan"; then return 0; fi

  # Reloading is a plan of its own: an error in any line would skip every clean-up of the first.
  for file in "$1" reload; do
    quietly tool stalwart-cli apply --file "/plan/$file.ndjson" || fail_stalwart "Stalwart refuses $file.ndjson: $said"
  done
  quietly tool onhost verify "${@:3}" || status=$?
  if ((status == restart_needed)); then
    quietly compose restart stalwart || fail_stalwart "Stalwart cannot be restarted: $said"
    up || fail_stalwart "Stalwart did not come back with its new listeners: $said"
  fi
  quietly tool onhost passwords "${@:3}" || fail_stalwart "Passwords could not be set: $said"
  quietly tool onhost signatures "${@:3}" || fail_stalwart "A former DKIM signature stays: $said"
  quietly tool onhost verify "${@:3}" || fail_stalwart "Stalwart took the plan and is not as planned: $said"
  keep "$2" 0644 "$plan"
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
