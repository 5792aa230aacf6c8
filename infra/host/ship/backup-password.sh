# shellcheck shell=bash
# The backups' repository gets its new password (infra/backup/host/password.sh). script.ts sets password_seconds, how long that
# may take.
main() {
  local status=0
  know_secrets_of_host
  need_docker
  # Its own group is ended with it: restic tries for a quarter of an hour when nobody answers.
  quietly timeout "$password_seconds" "$apps/backup/mail-backup" password || status=$?
  ((status != 124)) || fail "The backups' repository does not answer: $said" \
    "Its password is not changed yet. Backups go on with the former one, and the next one changes it." \
    "When the repository answers: pulumi up"
  # What the program says is fact, consequence and next command already.
  ((status == 0)) || fail "$said"
}
