# shellcheck shell=bash
# Brings Stalwart to the plan of one further domain. The plan's files follow on standard input, as the base64 of a tar archive.
# May be killed at any point: the next run ends in the same state. script.ts sets:
#   domain        whose plan it is
#   host_stack    the stack that has this host
#   files_sha256  of the archive
# Nothing of the host's own files or of another domain is touched.

main() {
  local path
  know_secrets_of_host
  need_programs
  need_docker
  if [ ! -f "$stack/compose.yaml" ] || [ ! -f "$apps/stalwart/applied" ]; then
    fail "There is no mail server in $apps." \
      "Nothing was changed." "pulumi up --stack ${host_stack:?}; then: pulumi up"
  fi
  lock
  unpack
  installed=0
  for path in "${wanted[@]}"; do install_file "$path"; done
  up_to_date
  configure_stalwart "${domain:?}" "stalwart/plan/$domain.applied" "$domain"
  rm -rf -- "$staging"
  printf 'installed %d\n' "$installed"
}

# The program on the host is the host stack's; an older one does not know what a further domain is.
up_to_date() {
  local status=0
  quietly tool onhost verify "$domain" || status=$?
  ((status != 2)) || fail "The mail server in $apps is of an older release of mail-stack, which knows no further domains." \
    "Its files are installed; Stalwart was not told." "pulumi up --stack $host_stack; then: pulumi up"
}
