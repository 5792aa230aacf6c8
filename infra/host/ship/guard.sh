# shellcheck shell=bash
# What install.sh looks at before it touches anything. Each of these ends the run or does nothing.

# Everything that must be known before the first file changes.
guard() {
  guard_paths
  guard_version
  guard_project
  guard_compose
}

guard_paths() {
  local path listed=()
  declare -gA was_installed=()
  [ ! -e "$stack/installed" ] || mapfile -t listed <"$stack/installed"
  for path in "${listed[@]}"; do
    if [[ ! $path =~ $plain_path || /$path/ == */../* || /$path/ == */./* ]]; then
      fail "$stack/installed has the line '$path', which is no path that was installed." "$untouched" \
        "Take that line out, then: pulumi up"
    fi
    was_installed[$path]=yes
  done
  local foreign=()
  for path in "${wanted[@]}" "${listed[@]}" "${kept_files[@]}"; do
    guard_folders_of "$path"
  done
  for path in "${wanted[@]}"; do
    [ -n "${was_installed[$path]-}" ] || [ ! -e "$apps/$path" ] || same_content "$staging/apps/$path" "$apps/$path" ||
      foreign+=("$apps/$path")
  done
  ((${#foreign[@]} == 0)) || fail "These files exist and were not installed from here: ${foreign[*]}." "$untouched" \
    "Move them away (mv FILE FILE.before), then: pulumi up"
}

guard_folders_of() {
  local folder=$1
  while [[ $folder == */* ]]; do
    folder=${folder%/*}
    [[ " ${container_folders[*]} " == *" $folder "* ]] || refuse_link "$apps/$folder"
    [ ! -e "$apps/$folder" ] || [ -d "$apps/$folder" ] ||
      fail "$apps/$folder is a file, and a folder of this name is needed." "$untouched" "Move it away, then: pulumi up"
  done
}

# Stalwart's data can be read by the version that wrote it and by the next minor one.
guard_version() {
  local have=() wants=() last
  IFS=. read -ra wants <<<"$stalwart_version"
  if [ ! -e "$apps/stalwart/version" ]; then
    last=$(ls -A -- "$apps/stalwart/data" 2>/dev/null || true)
    [ -z "$last" ] || fail "$apps/stalwart/data holds data, and $apps/stalwart/version is missing, which says by what version." \
      "$untouched" "Write the version that last ran on it: echo 0.16.18 >$apps/stalwart/version; then: pulumi up"
    return 0
  fi
  last=$(<"$apps/stalwart/version")
  [[ $last =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "$apps/stalwart/version holds no version like 0.16.18." "$untouched" \
    "Write the version that last ran on the data into it, then: pulumi up"
  IFS=. read -ra have <<<"$last"
  if ((wants[0] < have[0] || (wants[0] == have[0] && (wants[1] < have[1] || (wants[1] == have[1] && wants[2] < have[2]))))); then
    fail "Stalwart $last has written the data, and $stalwart_version is older: it could damage them." "$untouched" \
      "Take the release of mail-stack that has Stalwart $last or newer, or restore a backup that $stalwart_version wrote."
  fi
  if ((have[0] == 0 && have[1] < 16)); then
    fail "Stalwart $last has written the data, from before 0.16: $stalwart_version does not migrate them by itself." "$untouched" \
      "Migrate as Stalwart's UPGRADING/v0_16.md says; then: echo 0.16.0 >$apps/stalwart/version; then: pulumi up"
  fi
  if ((wants[0] != have[0] || wants[1] > have[1] + 1)); then
    fail "Stalwart $last has written the data, and $stalwart_version is more than one minor version ahead: its migrations start from the version before." \
      "$untouched" "Take a release of mail-stack that has Stalwart ${have[0]}.$((have[1] + 1)), pulumi up, and then this one."
  fi
}

# The same compose project from another folder would take its containers away from its data.
guard_project() {
  local folder folders=()
  quietly docker ps --all --filter "label=com.docker.compose.project=$project" \
    --format '{{.Label "com.docker.compose.project.working_dir"}}' ||
    fail "docker does not list its containers: $said" "$untouched" "docker ps; then: pulumi up"
  mapfile -t folders <<<"$said"
  for folder in "${folders[@]}"; do
    [ -z "$folder" ] || [ "$folder" -ef "$stack" ] || [ "$folder" = "$stack" ] ||
      fail "Containers of the project $project belong to $folder, and not to $stack." \
        "$untouched With another folder the mail would seem to be gone." \
        "Stop them (docker compose -f $folder/compose.yaml down), move the data (mv ${folder%/*} $apps), then: pulumi up"
  done
}

# Asks compose about the new files while the old ones are still in place.
guard_compose() {
  mkdir -p -- "$staging/apps/stalwart/secrets" "$staging/apps/mail-stack"
  user_of_containers >"$staging/apps/mail-stack/.env"
  : >"$staging/apps/stalwart/secrets/recovery-admin.env"
  : >"$staging/apps/stalwart/secrets/stalwart-cli.env"
  quietly docker compose --profile tools -f "$staging/apps/mail-stack/compose.yaml" config --quiet ||
    fail "docker compose refuses the new compose.yaml: $said" "$untouched" \
      "Compare the version of compose here with the one that this release is tested with: docker compose version"
}
