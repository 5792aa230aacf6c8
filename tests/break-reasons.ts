import type { BreakName } from "../sandbox/breaks";

/** Each link, and words with which a person finds it. */
export const REASONS: Readonly<Record<BreakName, readonly RegExp[]>> = {
  "catch-all": [/catch-all: Worker mail-inbound-public$/m, /threw.*no email handler/],
  "missing-worker": [/"code":2019.*Worker nobody does not exist/],
  ingress: [/inbound\.augustin\.ai: .*http_status:404: no rule names inbound\.augustin\.ai \(HTTP 404\)/],
  access: [
    /inbound\.augustin\.ai: Access refused: no policy .* admits the token "mail worker augustin\.ai" \(HTTP 403\)/,
  ],
  binding: [/Worker mail-inbound: threw.*JMAP_TOKEN/],
  spool: [/while home was down/, /Worker mail-inbound: threw/],
  record: [/"code":81058.*An identical record already exists/],
  tunnel: [/the tunnel has no remote configuration.*\(HTTP 503\)/],
  "host-key": [/ssh: handshake failed: ssh: host key mismatch/],
  plan: [/Stalwart has no account root@augustin\.ai/],
  router: [/tunnel: GET inbound\.augustin\.ai -> http:\/\/traefik:8081$/m, /http:\/\/traefik:8081 answers HTTP 404/],
  token: [/container mail-stack-cloudflared-1 is unhealthy/],
};

/** Home cannot be reached, which the Worker takes for an outage: the sender is rid of the message, and it waits. */
export const SPOOLED: readonly BreakName[] = ["ingress", "access", "tunnel", "router"];

/** Refusals come before any message; a broken link further on costs the message, and the sender keeps it. */
export const REFUSED_AT_ONCE: readonly BreakName[] = ["missing-worker", "record", "host-key", "plan", "token"];
