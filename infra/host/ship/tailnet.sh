# shellcheck shell=bash
# Prints the id that this host has in the tailnet, once it has joined. script.ts sets tailnet_seconds, how long that may take.
main() {
  local node
  know_secrets_of_host
  need_docker
  lock
  rm -rf -- "$staging"
  mkdir -m 0700 -- "$staging"
  if ! node=$(tool onhost tailnet "$tailnet_seconds" 2>"$staging/said" </dev/null); then
    # What the program says is fact, consequence and next command already.
    fail "$(tail -n "$shown_lines" "$staging/said")"
  fi
  rm -rf -- "$staging"
  [[ $node =~ ^[A-Za-z0-9]+$ ]] || fail "onhost tailnet has printed something that is no id of a machine." \
    "Names on the tailnet were left as they were." "pulumi up"
  printf '%s\n' "$node"
}
