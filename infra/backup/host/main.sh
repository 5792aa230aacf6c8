# shellcheck shell=bash
# What is done is named by the first argument.

usage() {
  cat <<'END'
mail-backup export             the mail of all accounts as files, in stalwart/data/export
mail-backup backup             a snapshot of the apps folder; Stalwart stands still for some seconds
mail-backup check [--all]      is the repository whole? reads a part of the data, or all
mail-backup drill              restores the newest snapshot aside and compares it
mail-backup snapshots          lists them
mail-backup status             what was done when, as JSON
mail-backup init               makes the repository, also where one has been before
mail-backup password           the repository gets the new password, if there is one; each backup does so too
mail-backup unlock             removes locks that ended runs of this host have left
mail-backup restore mail [SNAPSHOT]    Stalwart's data as they were; the present ones are kept aside
mail-backup restore export [SNAPSHOT]  the exported files, in backup/restore/export
mail-backup restore host [SNAPSHOT]    mail, keys and certificates, on a new host
mail-backup restore nothing            an empty Stalwart; the present data are kept aside
mail-backup start-again        starts Stalwart if a run was cut while it stood still
END
}

main() {
  local command=${1-}
  [ "$#" -eq 0 ] || shift
  case $command in
    export | backup | check | drill) job "$command" "$@" ;;
    restore) alone && restore "$@" ;;
    init) alone && init_repository ;;
    password) alone "$password_wait_seconds" && change_password ;;
    unlock) alone && unlock_own ;;
    snapshots) restic snapshots --no-lock "$@" ;;
    status) write_status && cat -- "$state/status.json" ;;
    start-again) start_again ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
}

# One line: an update may replace this file while it runs.
main "$@"; exit
