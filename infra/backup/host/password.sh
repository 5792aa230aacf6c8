# shellcheck shell=bash
# A new password for the repository. restic keeps there a key for each password that opens it; the data's own key never
# changes. While there is a former password, restic() tries it when the present one is refused: every command works with either.

readonly former=$secrets/former-password
# A backup that is on its way may take hours; a person or `pulumi up` does not wait for it.
readonly password_wait_seconds=60
# So many keys restic tries (restic, internal/repository/key.go).
readonly most_keys=20

by_former_password() {
  restic_container --env=RESTIC_PASSWORD_FILE=/apps/backup/secrets/former-password restic "$@"
}

# First the repository gets a key for the present password, then those of the former one go. Killed anywhere, the next call
# takes it from there: at every moment one of the two opens the repository.
change_password() {
  [ -s "$former" ] || return 0
  local status=0 left keys
  opens || status=$?
  if ((status == no_repository)) && [ ! -e "$state/repository" ]; then
    printf 'There is no repository yet.\n'
    return
  fi
  if ((status == wrong_password)); then
    with_lock key add --new-password-file /apps/backup/secrets/password || fail_password "$?" "The new password cannot be added"
    status=0
    opens || status=$?
  fi
  ((status == 0)) || fail_password "$status" "The repository cannot be opened"
  for ((left = most_keys; left > 0; left--)); do
    status=0
    keys=$(by_former_password key list --json --no-lock --quiet) || status=$?
    if ((status == wrong_password)); then
      printf 'The repository opens with the new password, and no longer with the former one.\n'
      return
    fi
    [[ $status -eq 0 && $keys =~ \{\"current\":true,\"id\":\"([0-9a-f]{64})\" ]] ||
      fail_password "$status" "The repository's keys cannot be read"
    with_lock key remove "${BASH_REMATCH[1]}" || fail_password "$?" "The former password cannot be removed"
  done
  fail_password 1 "The former password still opens the repository"
}

# With the present password and no other.
opens() {
  said=$(restic_container restic cat config --no-lock --quiet 2>&1)
}

# STATUS WHAT
fail_password() {
  local last=${said##*$'\n'}
  (($1 != wrong_password)) || fail "$2: neither the new password nor the former one is the repository's." \
    "Nothing was changed in it." "Set mail:backupPasswordPrevious to the one that opens it, then: pulumi up"
  fail "$2 (restic ended with status $1): ${last:0:300}" \
    "One of the two passwords opens the repository, and backups go on; the next one tries this again." \
    "On the host: $here/mail-backup password; then the command again that was to replace the password"
}
