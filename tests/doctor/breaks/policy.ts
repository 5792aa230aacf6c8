import type { Break } from "../break";
import type { LabRecord } from "../dns/zone";
import { RSA_1024 } from "./keys";
import { add, answer, at, DOMAIN, drift, gone, PUBLIC_WORKER, set, STATUS_PAGE } from "./public";

export const POLICY: readonly Break[] = [
  {
    id: "policy.resend",
    what: "nobody copied them",
    status: "error",
    current: /^mail:resendRecords is empty$/,
    remedy: /^Copy them: pulumi config set --path 'mail:resendRecords/,
    apply: (lab) => {
      const { resend } = lab.patient.deployment.settings;
      lab.instead = { resend: { ...resend, records: [] } };
    },
  },
  {
    ...drift("policy.spf.@", "a second SPF record", add(DOMAIN, "TXT", "v=spf1 mx ~all"), /^2 records/),
    remedy: /Delete the one that is not the program's/,
  },
  drift("policy.spf.@", "no SPF record", set(DOMAIN, "TXT", gone), /^nothing$/),
  drift("policy.spf.send", "no SPF record", set(at("send"), "TXT", gone), /^nothing$/),
  {
    id: "policy.spf-lookups.@",
    what: "the included record costs eleven lookups",
    status: "error",
    current: /^12 lookups/,
    remedy: /belongs to the provider/,
    apply: ({ elsewhere }) => {
      const names = Array.from({ length: 11 }, (_, index) => `s${index}.example.com`);
      elsewhere.view = (records) => [
        ...records.map((record) =>
          record.name === "_spf.mx.cloudflare.net"
            ? { ...record, value: `v=spf1 ${names.map((name) => `include:${name}`).join(" ")} ~all` }
            : record,
        ),
        ...names.map((name): LabRecord => ({ name, type: "TXT", value: "v=spf1 ip4:192.0.2.1 -all" })),
      ];
    },
  },
  {
    id: "policy.spf-lookups.send",
    what: "the included record is gone",
    status: "error",
    current: /amazonses\.com has no SPF record/,
    remedy: /belongs to the provider/,
    apply: ({ elsewhere }) => {
      elsewhere.view = (records) => records.filter(({ name }) => name !== "amazonses.com");
    },
  },
  drift(
    "policy.dkim.202602r",
    "revoked",
    set(at("202602r._domainkey"), "TXT", () => "v=DKIM1; k=rsa; p="),
    /is revoked/,
  ),
  drift(
    "policy.dkim.202602r",
    "too short",
    set(at("202602r._domainkey"), "TXT", () => `v=DKIM1; k=rsa; p=${RSA_1024}`),
    /1024 bits/,
  ),
  drift(
    "policy.dkim.202602e",
    "SPKI in place of raw bytes",
    set(at("202602e._domainkey"), "TXT", () => `v=DKIM1; k=ed25519; p=${Buffer.alloc(44).toString("base64")}`),
    /44 bytes, not 32/,
  ),
  drift("policy.dkim.resend", "removed", set(at("resend._domainkey"), "TXT", gone), /^nothing$/),
  drift("policy.dmarc", "removed", set(at("_dmarc"), "TXT", gone), /^nothing$/),
  drift(
    "policy.dmarc",
    "misspelt policy",
    set(at("_dmarc"), "TXT", (value) => value.replace("p=reject", "p=rejekt")),
    /p=rejekt is no value of p/,
  ),
  drift(
    "policy.tlsrpt",
    "no address",
    set(at("_smtp._tls"), "TXT", () => "v=TLSRPTv1; rua=postmaster"),
    /neither mailto nor https/,
  ),
  {
    ...drift(
      "policy.caa",
      "Let's Encrypt is not allowed",
      set(DOMAIN, "CAA", (value) => (value.includes("letsencrypt") ? undefined : value)),
      /^letsencrypt\.org may not$/,
    ),
    remedy: /^Set mail:caaIssuers to letsencrypt\.org, or delete the CAA records/,
  },
  {
    id: "policy.mta-sts-id",
    what: "the announcement is gone",
    status: "error",
    current: /^nothing$/,
    remedy: STATUS_PAGE,
    apply: ({ elsewhere }) => {
      elsewhere.view = (records) => records.filter(({ name }) => name !== "_mta-sts.mx.cloudflare.net");
    },
  },
  policyFile(
    "covers another MX",
    "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n",
    /does not cover route1/,
  ),
  policyFile("without max_age", "version: STSv1\nmode: enforce\nmx: *.mx.cloudflare.net\n", /max_age is missing/),
  {
    ...policyFile(
      "only testing",
      "version: STSv1\nmode: testing\nmx: *.mx.cloudflare.net\nmax_age: 86400\n",
      /mode testing/,
    ),
    status: "warning",
    remedy: STATUS_PAGE,
  },
];

function policyFile(what: string, body: string, current: RegExp): Break {
  return {
    id: "policy.mta-sts-file",
    what,
    status: "error",
    current,
    remedy: PUBLIC_WORKER,
    apply: answer(`https://mta-sts.${DOMAIN}/.well-known/mta-sts.txt`, 200, body, { "content-type": "text/plain" }),
  };
}
