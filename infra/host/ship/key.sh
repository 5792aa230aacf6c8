# shellcheck shell=bash
# Prints the API key of the Worker with the number $key_number, which is valid from $worker_address alone (script.ts sets both);
# it is minted when there is none.
# Pulumi shows everything that a failing script has printed, so the key is the very last thing.
main() {
  local key
  know_secrets_of_host
  need_docker
  lock
  rm -rf -- "$staging"
  mkdir -m 0700 -- "$staging"
  if ! key=$(tool onhost key "$key_number" 2>"$staging/said" </dev/null); then
    know_secrets_of_host
    fail "The host has no key number $key_number for the Worker at $worker_address: $(tail -n "$shown_lines" "$staging/said")" \
      "The Worker was left as it was." \
      "Look on the host: docker compose -f $stack/compose.yaml logs --tail 50 stalwart; then: pulumi up"
  fi
  rm -rf -- "$staging"
  # RFC 6750 section 2.1: what a bearer token may be.
  [[ $key =~ ^[A-Za-z0-9._~+/-]{20,}=*$ ]] ||
    fail "onhost key $key_number has printed something that is no key." "The Worker was left as it was." "pulumi up"
  printf '%s\n' "$key"
}
