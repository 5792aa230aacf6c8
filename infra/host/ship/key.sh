# shellcheck shell=bash
# Prints a key of the Worker, and makes it when there is none. script.ts sets:
#   key_command  the command of onhost that knows the key: key, for Stalwart; arrivals-key, for the service arrivals
#   key_number   which one
#   worker_address  the only address from which the key works; absent for arrivals-key, which only cloudflared reaches
# Pulumi shows everything that a failing script has printed, so the key is the very last thing.
main() {
  local key
  know_secrets_of_host
  need_docker
  lock
  rm -rf -- "$staging"
  mkdir -m 0700 -- "$staging"
  if ! key=$(tool onhost "${key_command:?}" "$key_number" 2>"$staging/said" </dev/null); then
    know_secrets_of_host
    fail "The host has no key number $key_number for the Worker${worker_address:+ at $worker_address}: $(tail -n "$shown_lines" "$staging/said")" \
      "The Worker was left as it was." \
      "Look on the host: docker compose -f $stack/compose.yaml logs --tail 50 stalwart; then: pulumi up"
  fi
  rm -rf -- "$staging"
  # RFC 6750 section 2.1: what a bearer token may be.
  [[ $key =~ ^[A-Za-z0-9._~+/-]{20,}=*$ ]] ||
    fail "onhost $key_command $key_number has printed something that is not a key." "The Worker was left as it was." "pulumi up"
  printf '%s\n' "$key"
}
