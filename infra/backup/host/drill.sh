# shellcheck shell=bash
# The drill: the newest snapshot is restored aside, Stalwart starts on it without any network, and what it holds is
# compared with the export's manifest of the same night.

# Between export and copy mail comes and goes; what else is missing is a fault. In messages, and in parts of a hundred.
readonly missing_messages=20 missing_percent=1

drill_compose() {
  docker compose --progress quiet --env-file "$stack/.env" -f "$here/drill/compose.yaml" "$@" </dev/null
}

do_drill() {
  local from=$here/restore/drill began=$SECONDS listed files found=0 count line
  fetch latest drill /stalwart-data /export /apps/stalwart
  [ -f "$from/export/manifest.json" ] || fail "The newest snapshot holds no export to compare with." \
    "Whether it can be restored is not known." "$here/mail-backup export; $here/mail-backup backup; $here/mail-backup drill"
  trap 'drill_ended; job_ended $?' EXIT

  said=$(drill_compose --profile tools run --rm -T --no-deps check export --check /export 2>&1) ||
    fail "Exported files differ from their manifest: ${said##*$'\n'}" "The backup of the export is damaged." \
      "$here/mail-backup check --all; $here/mail-backup export"
  printf '%s\n' "$said" >&2
  [[ $said =~ \ ([0-9]+)\ messages,\ ([0-9]+)\ files ]] || fail "The check of the export says nothing of messages: $said" \
    "Whether the backup can be restored is not known." "pulumi up; then: $here/mail-backup drill"
  listed=${BASH_REMATCH[1]} files=${BASH_REMATCH[2]}

  said=$(drill_compose up --detach --wait --wait-timeout 300 stalwart 2>&1) ||
    fail "Stalwart does not start on the restored data: ${said##*$'\n'}" "The backup cannot be used as it is." \
      "$here/mail-backup check --all; docker compose -f $here/drill/compose.yaml logs"
  # An export that goes on from the restored one reads every message that is new to it, and counts them all.
  said=$(drill_compose --profile tools run --rm -T compare export /export 2>&1) ||
    fail "Not all mail can be read from the restored data: ${said##*$'\n'}" "The backup is damaged." \
      "$here/mail-backup check --all"
  printf '%s\n' "$said" >&2
  while IFS= read -r line; do
    [[ ! $line =~ :\ [a-z]+,\ ([0-9]+)\ messages ]] || found=$((found + BASH_REMATCH[1]))
  done <<<"$said"
  count=$((listed - found))
  ((count <= missing_messages + listed * missing_percent / 100)) ||
    fail "The restored data hold $found messages, and the export of that night lists $listed." \
      "The copy of Stalwart's store is not whole." "$here/mail-backup check --all; $here/mail-backup backup"
  put_state drill.report \
    "{\"messages\":$found,\"listed\":$listed,\"files\":$files,\"seconds\":$((SECONDS - began))}"
  printf 'The newest snapshot restores: %d messages, %d listed, %d files as in the manifest, %d s\n' \
    "$found" "$listed" "$files" "$((SECONDS - began))"
}

drill_ended() {
  local status=$?
  trap '' HUP INT TERM
  drill_compose down --timeout 10 >/dev/null 2>&1 || true
  rm -rf -- "$here/restore/drill"
  return "$status"
}
