import type { Break } from "../break";
import { RSA_1024, RSA_2048 } from "./keys";
import { broken, named, remove } from "./account";
import { APPLICATION } from "../../../sandbox/cloud/kinds/access";
import { add, answer, at, DOMAIN, drift, gone, set } from "./public";

/** What the documented deployment does not use: LMTP, sieve, a tailnet by a record, keys that do not sign, reports abroad. */
export const OTHER_VALUES: Readonly<Record<string, string>> = {
  inboundDelivery: "lmtp",
  tailnet: "dns-record",
  services: '["jmap","caldavs","carddavs","imaps","submissions","submission","sieve"]',
  clientTcp: '["imaps","submissions","sieve"]',
  dkimPublished: `202612r:rsa:${RSA_2048} 202612e:ed25519:${Buffer.alloc(32, 1).toString("base64")}`,
  dmarcAggregateAddress: "dmarc@reports.example.net",
  // Half way through a rotation.
  accessTokenNumber: "2",
  accessTokenKept: "1",
};

const EDGE_CERTIFICATES = /Edge Certificates/;

const elsewhere =
  (which: (name: string) => boolean): Break["apply"] =>
  ({ elsewhere: zone }) => {
    zone.view = (records) => records.filter(({ name }) => !which(name));
  };

/** For the checks that such a deployment has beside the others. */
export const OTHER_BREAKS: readonly Break[] = [
  drift(
    "records.txt.202612e._domainkey",
    "another key",
    set(at("202612e._domainkey"), "TXT", () => `v=DKIM1; k=ed25519; p=${Buffer.alloc(32, 7).toString("base64")}`),
    /BwcHBw/,
  ),
  drift(
    "records.txt.202612r._domainkey",
    "another key",
    set(at("202612r._domainkey"), "TXT", (value) => value.replace("v=DKIM1; ", "")),
    /^k=rsa/,
  ),
  drift("policy.dkim.202612e", "withdrawn too early", set(at("202612e._domainkey"), "TXT", gone), /^nothing$/),
  drift(
    "policy.dkim.202612r",
    "too short",
    set(at("202612r._domainkey"), "TXT", () => `v=DKIM1; k=rsa; p=${RSA_1024}`),
    /1024 bits/,
  ),
  drift(
    "records.a.imap",
    "a public address",
    set(at("imap"), "A", () => "203.0.113.9"),
    /^203\.0\.113\.9$/,
  ),
  drift(
    "records.a.imap",
    "another machine of the tailnet",
    set(at("imap"), "A", () => "100.100.200.200"),
    /^100\.100\.200\.200$/,
  ),
  drift("records.a.imap", "two addresses", add(at("imap"), "A", "100.100.200.200"), /100\.100\.200\.200/),
  ...["lmtp", "sieve-tcp"].map((label) =>
    label === "lmtp"
      ? drift(`records.cname.${label}`, "removed", set(at(label), "A", gone), /^nothing$/)
      : {
          ...drift(`records.cname.${label}`, "removed", set(at(label), "A", gone), /^nothing$/),
          status: "warning" as const,
        },
  ),
  ...["lmtp", "sieve-tcp"].map((label): Break => ({
    id: `web.certificate.${label}`,
    what: "nobody trusts it",
    status: "error",
    current: /SELF_SIGNED_CERT/,
    remedy: EDGE_CERTIFICATES,
    apply: ({ web }) => void web.daysLeft.set(at(label), 0),
  })),
  drift(
    "web.access.lmtp",
    "anybody may come in",
    answer(`https://lmtp.${DOMAIN}/jmap/session`, 502),
    /HTTP 502 without/,
  ),
  drift(
    "web.access.sieve",
    "anybody may come in",
    answer(`https://sieve-tcp.${DOMAIN}/jmap/session`, 502),
    /HTTP 502 without/,
  ),
  broken(
    "edge.access.lmtp",
    "no application",
    /^no application$/,
    remove(APPLICATION, named(`mail worker LMTP ${DOMAIN}`)),
  ),
  broken("edge.access.sieve", "no application", /^no application$/, remove(APPLICATION, named(`mail sieve ${DOMAIN}`))),
  {
    id: "web.port.sieve",
    what: "nobody listens",
    status: "error",
    current: /does not answer/,
    remedy: /docker compose ps/,
    apply: ({ web }) => void web.deadPorts.add(4190),
  },
  {
    id: "policy.dmarc-consent.example.net",
    what: "they no longer want reports",
    status: "error",
    current: /^augustin\.ai\._report\._dmarc\..* has nothing$/,
    remedy: /^Ask the owner of example\.net to publish the TXT record augustin\.ai\._report\._dmarc/,
    apply: elsewhere((name) => name.includes("._report._dmarc.")),
  },
  {
    id: "policy.reports.reports.example.net",
    what: "it takes no mail any more",
    status: "error",
    current: /^no MX$/,
    remedy: /^Name another address in mail:dmarcAggregateAddress/,
    apply: elsewhere((name) => name === "reports.example.net"),
  },
];
