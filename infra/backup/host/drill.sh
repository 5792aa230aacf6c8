# shellcheck shell=bash
# The drill: the newest snapshot is restored aside, Stalwart starts on it without any network, and what it holds is
# compared with the export's manifest of the same night.

drill_compose() {
  docker compose --progress quiet --env-file "$stack/.env" -f "$here/drill/compose.yaml" "$@" </dev/null
}

# Also what a killed drill has left: by the project's name, because the files that its compose file names may be gone.
drill_clear() {
  docker compose --project-name mail-stack-drill down --timeout 10 </dev/null >&2 || true
  rm -rf -- "$here/restore/drill"
}

drill_ended() {
  local status=$?
  trap '' HUP INT TERM
  drill_clear 2>/dev/null || true
  job_ended "$status"
}

# Filling the disk would stop the mail that is being proven.
drill_space() {
  local status=0 free
  said=$(restic stats latest --no-lock --host "$host_name" --mode restore-size --json --quiet 2>&1) || status=$?
  ((status == 0)) || fail_restic "$status" "The newest snapshot cannot be opened"
  [[ $said =~ \"total_size\":([0-9]+) ]] || return 0
  free=$(df --output=avail -B1 -- "$here/restore" | tail -n 1)
  ((free > BASH_REMATCH[1] + reserve_bytes)) || fail "The newest snapshot needs ${BASH_REMATCH[1]} bytes, and $((free)) are free." \
    "Whether it can be restored is not known." "df -h $here; then: $here/mail-backup drill"
}

# The line with the sums, and the first one about something else.
drill_sums() {
  [[ $said =~ [0-9]+\ accounts,\ [^$'\n']* ]] && printf '%s' "${BASH_REMATCH[0]}"
}
drill_first() {
  local line
  while IFS= read -r line; do
    [[ $line =~ ^[0-9]+\ accounts,\  ]] || { printf '%s' "$line"; return; }
  done <<<"$said"
}

# What `onhost compare` ends with when mail is missing or other than exported.
readonly differs=6
# What stays free on the disk beside a restored snapshot.
readonly reserve_bytes=$((512 * 1024 * 1024))

do_drill() {
  local from=$here/restore/drill began=$SECONDS listed files found status
  drill_clear
  drill_space
  trap drill_ended EXIT
  fetch latest drill /stalwart-data /export /apps/stalwart
  [ -f "$from/export/manifest.json" ] || fail "The newest snapshot holds no export to compare with." \
    "Whether it can be restored is not known." "$here/mail-backup export; $here/mail-backup backup; $here/mail-backup drill"
  said=$(drill_compose --profile tools run --rm -T --no-deps check export --check /export 2>&1) ||
    fail "Exported files differ from their manifest: $(drill_sums); $(drill_first)" "The backup of the export is damaged." \
      "$here/mail-backup check --all; $here/mail-backup export; $here/mail-backup backup"
  printf '%s\n' "$said" >&2
  [[ $said =~ \ ([0-9]+)\ messages,\ ([0-9]+)\ files ]] || fail "The check of the export says nothing of messages: $said" \
    "Whether the backup can be restored is not known." "pulumi up; then: $here/mail-backup drill"
  listed=${BASH_REMATCH[1]} files=${BASH_REMATCH[2]}

  said=$(drill_compose up --detach --wait --wait-timeout 300 stalwart 2>&1) || {
    drill_compose logs --tail "$shown_lines" stalwart >&2 || true
    fail "Stalwart does not start on the restored data: ${said##*$'\n'}" "The backup cannot be used as it is." \
      "journalctl --user -u mail-backup-drill; $here/mail-backup check --all"
  }
  # Every message is read from the restored store and compared with the export's list. What the list has and the store lacks
  # was deleted between export and copy, which the store itself remembers, or it is lost.
  said=$(drill_compose --profile tools run --rm -T compare compare /export 2>&1) || {
    status=$?
    printf '%s\n' "$said" >&2
    ((status == differs)) || fail "The restored data cannot be read: ${said##*$'\n'}" "Whether the backup can be used is not known." \
      "$here/mail-backup drill"
    fail "The restored data are not what the export of that night lists: $(drill_sums); $(drill_first)" \
      "The copy of Stalwart's store is not whole." "$here/mail-backup check --all; $here/mail-backup export; $here/mail-backup backup"
  }
  printf '%s\n' "$said" >&2
  [[ $said =~ \ ([0-9]+)\ messages\ listed:\ ([0-9]+)\ the\ same ]] || fail "The comparison says nothing of messages: $said" \
    "Whether the backup can be restored is not known." "pulumi up; then: $here/mail-backup drill"
  found=${BASH_REMATCH[2]}
  put_state drill.report \
    "{\"messages\":$found,\"listed\":$listed,\"files\":$files,\"seconds\":$((SECONDS - began))}"
  printf 'The newest snapshot restores: %d messages, %d listed, %d files as in the manifest, %d s\n' \
    "$found" "$listed" "$files" "$((SECONDS - began))"
}
