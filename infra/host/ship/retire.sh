# shellcheck shell=bash
# Withdraws the keys of the Worker with numbers below $key_number (script.ts sets it), once the Worker has the new one.
main() {
  know_secrets_of_host
  need_docker
  lock
  quietly tool onhost retire "$key_number" ||
    fail "Keys of the Worker before number $key_number could not be withdrawn: $said" \
      "The Worker uses the new key; the old ones still work." \
      "Look on the host: docker compose -f $stack/compose.yaml logs --tail 50 stalwart; then: pulumi up"
}
