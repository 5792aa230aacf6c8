import { generateKeyPairSync } from "node:crypto";

import type { LabRecord } from "./dns";
import { newKey } from "./dns";
import { ADA, BOB, type Lab } from "./lab";

/** One broken thing and the only check that says so. */
export interface Break {
  /** The check's id. */
  readonly id: string;
  readonly what: string;
  readonly status: "error" | "warning";
  /** In what the check saw. */
  readonly current: RegExp;
  readonly remedy: RegExp;
  readonly apply: (lab: Lab) => void;
}

const DOMAIN = "augustin.ai";
const UP = /^pulumi up --refresh --stack prod$/;
const REGISTRAR = /at (the|its) registrar/;
const DASHBOARD = /Cloudflare's dashboard/;
const STATUS_PAGE = /status page/;
const PUBLIC_WORKER = /public Worker again: pulumi up/;
const DAY_SECONDS = 86_400;

const rsaKey = (modulusLength: number) =>
  generateKeyPairSync("rsa", { modulusLength }).publicKey.export({ type: "spki", format: "der" }).toString("base64");
const RSA_1024 = rsaKey(1024);
const RSA_2048 = rsaKey(2048);

/** Changes the values of a set; undefined removes it. */
function set(name: string, type: LabRecord["type"], change: (value: string) => string | undefined, at?: string) {
  return ({ zone }: Lab) => {
    zone.view = (records, server) =>
      records.flatMap((record) => {
        if (record.name !== name || record.type !== type || (at !== undefined && server !== at)) return [record];
        const value = change(record.value);
        return value === undefined ? [] : [{ ...record, value }];
      });
  };
}

function add(name: string, type: LabRecord["type"], value: string) {
  return ({ zone }: Lab) => {
    zone.view = (records) => [...records, { name, type, value }];
  };
}

const gone = () => undefined;
const at = (label: string) => `${label}.${DOMAIN}`;

const DELEGATION: readonly Break[] = [
  {
    id: "delegation.resolver",
    what: "the resolver is dead",
    status: "error",
    current: /127\.0\.0\.53 gives no answer/,
    remedy: /network of this machine/,
    apply: ({ dns }) => void (dns.answers = false),
  },
  {
    id: "delegation.exists",
    what: "the domain has run out",
    status: "error",
    current: /servers of ai name no server/,
    remedy: /Renew the domain/,
    apply: ({ parent }) => {
      parent.view = (records) => records.filter(({ name }) => name !== DOMAIN);
    },
  },
  {
    id: "delegation.cloudflare",
    what: "the registry names a server of somebody else",
    status: "error",
    current: /^ns1\.parking\.example$/,
    remedy: REGISTRAR,
    apply: ({ parent }) => {
      parent.view = (records) => [...records, { name: DOMAIN, type: "NS", value: "ns1.parking.example" }];
    },
  },
  {
    id: "delegation.servers",
    what: "one name server is silent",
    status: "error",
    current: /^bob\.ns\.cloudflare\.com is silent$/,
    remedy: REGISTRAR,
    apply: ({ zone }) => void (zone.fault = (server) => (server === BOB ? "silent" : undefined)),
  },
  {
    id: "delegation.servers",
    what: "one name server does not know the zone",
    status: "error",
    current: /^ada\.ns\.cloudflare\.com answers REFUSED$/,
    remedy: REGISTRAR,
    apply: ({ zone }) => void (zone.fault = (server) => (server === ADA ? "refused" : undefined)),
  },
  {
    id: "delegation.servers",
    what: "one name server is not authoritative",
    status: "error",
    current: /bob\.ns\.cloudflare\.com does not own the zone/,
    remedy: REGISTRAR,
    apply: ({ zone }) => void (zone.fault = (server) => (server === BOB ? "lame" : undefined)),
  },
  {
    id: "delegation.equal",
    what: "the zone has a server that the registry does not name",
    status: "error",
    current: /^ada\.ns\.cloudflare\.com, bob\.ns\.cloudflare\.com at the registry$/,
    remedy: /Enter ada\..*, bob\..*, eve\.ns\.cloudflare\.com as name servers/,
    apply: add(DOMAIN, "NS", "eve.ns.cloudflare.com"),
  },
  {
    id: "dnssec.ds",
    what: "the registrar has no DS",
    status: "warning",
    current: /^ai has no DS record/,
    remedy: /pulumi stack output dnssecDs --stack prod/,
    apply: ({ zone }) => void (zone.ds = []),
  },
  {
    id: "dnssec.key",
    what: "the DS is that of a former key",
    status: "error",
    current: /has the keys \d+$/,
    remedy: /remove the one that is there/,
    apply: (lab) => {
      const former = lab.dns.dsOf(lab.zone);
      lab.zone.key = newKey();
      lab.zone.ds = former;
    },
  },
  {
    id: "dnssec.signatures",
    what: "the signatures have expired",
    status: "error",
    current: /the signature of DNSKEY by key \d+ expired at/,
    remedy: /clock of this machine/,
    apply: ({ zone }) => void (zone.valid = { from: -2 * DAY_SECONDS, to: -60 }),
  },
  {
    id: "dnssec.signatures",
    what: "the signatures are of tomorrow",
    status: "error",
    current: /is valid only from/,
    remedy: /clock of this machine/,
    apply: ({ zone }) => void (zone.valid = { from: DAY_SECONDS, to: 2 * DAY_SECONDS }),
  },
  {
    id: "dnssec.chain",
    what: "a validating resolver finds the parent's part of the chain broken",
    status: "error",
    current: /without the AD bit/,
    remedy: /dnsviz\.net\/d\/augustin\.ai/,
    apply: ({ zone, dns }) => {
      const ds = dns.dsOf(zone);
      // The zone's own part is fine; the resolver sees none of it.
      dns.insecure.add(zone.name);
      zone.ds = ds;
    },
  },
];

/** Values that stay well-formed, so that the record's own check and no policy check finds the difference. */
const RECORDS: readonly Break[] = [
  drift(
    "records.mx.@",
    "a priority changed",
    set(DOMAIN, "MX", (value) => value.replace(/^50 /, "51 ")),
    /51 route1/,
  ),
  {
    ...drift(
      "records.mx.@",
      "another MX beside Cloudflare's",
      add(DOMAIN, "MX", "10 mx.example.com"),
      /10 mx\.example\.com/,
    ),
    remedy: /^Delete what is too much in Cloudflare's dashboard .*: 10 mx\.example\.com$/,
  },
  drift(
    "records.txt.@",
    "SPF changed",
    set(DOMAIN, "TXT", (value) => value.replace("~all", "-all")),
    /-all$/,
  ),
  drift(
    "records.txt.@",
    "SPF changed at one server",
    set(DOMAIN, "TXT", (value) => value.replace("~all", "-all"), BOB),
    /-all \(at bob\.ns\.cloudflare\.com only\)$/,
  ),
  {
    ...drift("records.caa.@", "an issuer more", add(DOMAIN, "CAA", "0 issue evil.example"), /evil\.example/),
    remedy: DASHBOARD,
  },
  drift(
    "records.txt._dmarc",
    "policy none",
    set(at("_dmarc"), "TXT", (value) => value.replace("p=reject", "p=none")),
    /p=none/,
  ),
  drift(
    "records.txt._smtp._tls",
    "another address",
    set(at("_smtp._tls"), "TXT", (value) => value.replace("postmaster@", "nobody@")),
    /nobody@/,
  ),
  drift(
    "records.txt.202602r._domainkey",
    "another RSA key",
    set(at("202602r._domainkey"), "TXT", () => `v=DKIM1; k=rsa; p=${RSA_2048}`),
    /k=rsa/,
  ),
  drift(
    "records.txt.202602e._domainkey",
    "another Ed25519 key",
    set(at("202602e._domainkey"), "TXT", () => `v=DKIM1; k=ed25519; p=${Buffer.alloc(32, 7).toString("base64")}`),
    /BwcHBw/,
  ),
  drift(
    "records.txt.resend._domainkey",
    "another key of Resend",
    set(at("resend._domainkey"), "TXT", () => `p=${RSA_1024}`),
    /^p=/,
  ),
  drift(
    "records.mx.send",
    "another region",
    set(at("send"), "MX", () => "10 feedback-smtp.us-east-1.amazonses.com"),
    /us-east-1/,
  ),
  drift(
    "records.txt.send",
    "SPF changed",
    set(at("send"), "TXT", (value) => value.replace("~all", "-all")),
    /-all$/,
  ),
  drift(
    "records.cname._mta-sts",
    "leads elsewhere",
    set(at("_mta-sts"), "CNAME", () => "_mta-sts.example.net"),
    /example\.net/,
  ),
  ...["_imaps", "_submissions", "_jmap", "_caldavs", "_carddavs"].map((label) =>
    drift(`records.srv.${label}._tcp`, "removed", set(at(`${label}._tcp`), "SRV", gone), /^nothing$/),
  ),
  ...["_imap", "_pop3", "_pop3s", "_sieve", "_submission"].map((label): Break => ({
    ...drift(
      `records.srv.${label}._tcp`,
      "leads elsewhere",
      set(at(`${label}._tcp`), "SRV", () => "0 1 1 evil.example"),
      /evil/,
    ),
    status: "warning",
  })),
  ...["stalwart", "inbound"].flatMap((label) => [
    drift(`records.cname.${label}`, "removed", set(at(label), "A", gone), /^nothing$/),
    drift(
      `records.cname.${label}`,
      "the address of the home",
      set(at(label), "A", () => "127.0.0.1"),
      /the address of the home/,
    ),
  ]),
  drift("records.cname.autoconfig", "removed", set(at("autoconfig"), "A", gone), /^nothing$/),
  drift(
    "records.aaaa.mta-sts",
    "not proxied",
    set(at("mta-sts"), "A", () => "100.100.1.1"),
    /^100\.100\.1\.1$/,
  ),
  ...["autodiscover", "imap-tcp", "submission-tcp"].map((label): Break => ({
    ...drift(`records.cname.${label}`, "removed", set(at(label), "A", gone), /^nothing$/),
    status: "warning",
  })),
];

function drift(id: string, what: string, apply: Break["apply"], current: RegExp): Break {
  return { id, what, status: "error", current, remedy: UP, apply };
}

const POLICY: readonly Break[] = [
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
  drift(
    "policy.caa",
    "Let's Encrypt is not allowed",
    set(DOMAIN, "CAA", (value) => (value.includes("letsencrypt") ? undefined : value)),
    /^letsencrypt\.org may not$/,
  ),
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

function answer(url: string, status: number, body = "", headers: Record<string, string> = {}) {
  return ({ web }: Lab) =>
    void web.instead.set(
      url,
      () => new Response(body === "" ? null : body, { status, headers: { "cf-ray": "lab", ...headers } }),
    );
}

const NAMES = ["autoconfig", "autodiscover", "imap-tcp", "inbound", "mta-sts", "stalwart", "submission-tcp"] as const;

const WEB: readonly Break[] = [
  ...NAMES.flatMap((label): Break[] => [
    {
      id: `web.certificate.${label}`,
      what: "ends in ten days",
      status: "warning",
      current: /^(9|10) days left/,
      remedy: /Edge Certificates/,
      apply: ({ web }) => void web.daysLeft.set(at(label), 10),
    },
  ]),
  {
    id: "web.certificate.stalwart",
    what: "nobody trusts it",
    status: "error",
    current: /SELF_SIGNED_CERT/,
    remedy: /Edge Certificates/,
    apply: ({ web }) => void web.daysLeft.set(at("stalwart"), 0),
  },
  {
    id: "web.certificate.inbound",
    what: "nobody listens",
    status: "error",
    current: /cannot be reached/,
    remedy: /network of this machine/,
    apply: ({ web }) => void web.dead.add(at("inbound")),
  },
  {
    ...drift("web.edge", "something else answers", () => undefined, /no cf-ray; server nginx/),
    apply: ({ web }) =>
      void web.instead.set(`https://stalwart.${DOMAIN}/`, () => new Response("", { headers: { server: "nginx" } })),
  },
  {
    id: "web.jmap",
    what: "the tunnel is down",
    status: "error",
    current: /answers HTTP 530/,
    remedy: /docker compose up -d/,
    apply: answer(`https://stalwart.${DOMAIN}/.well-known/jmap`, 530),
  },
  ...(["caldavs", "carddavs"] as const).map((service): Break => ({
    id: `web.${service}`,
    what: "not there",
    status: "error",
    current: /answers HTTP 404/,
    remedy: /^pulumi up --stack prod$/,
    apply: answer(`https://stalwart.${DOMAIN}/.well-known/${service.slice(0, -1)}`, 404),
  })),
  drift(
    "web.access.inbound",
    "anybody may come in",
    answer(`https://inbound.${DOMAIN}/jmap/session`, 200, "{}"),
    /HTTP 200 without a token/,
  ),
  drift(
    "web.access.inbound",
    "a redirect that is not Access's",
    answer(`https://inbound.${DOMAIN}/jmap/session`, 302, "", {
      location: "https://evil.example/cloudflareaccess.com",
    }),
    /HTTP 302 to https:\/\/evil\.example/,
  ),
  drift(
    "web.access.imaps",
    "anybody may come in",
    answer(`https://imap-tcp.${DOMAIN}/jmap/session`, 502),
    /HTTP 502 without/,
  ),
  drift(
    "web.access.submissions",
    "anybody may come in",
    answer(`https://submission-tcp.${DOMAIN}/jmap/session`, 502),
    /HTTP 502 without/,
  ),
  {
    id: "web.autoconfig",
    what: "names another server",
    status: "error",
    current: /^imap\.example\.com$/,
    remedy: PUBLIC_WORKER,
    apply: answer(`https://autoconfig.${DOMAIN}/mail/config-v1.1.xml`, 200, "<hostname>imap.example.com</hostname>"),
  },
  {
    id: "web.autodiscover",
    what: "answers nothing",
    status: "error",
    current: /^HTTP 404$/,
    remedy: PUBLIC_WORKER,
    apply: answer(`https://autodiscover.${DOMAIN}/autodiscover/autodiscover.json`, 404),
  },
  ...(["imaps", "submissions", "submission"] as const).map((service): Break => ({
    id: `web.port.${service}`,
    what: "this machine is in the tailnet and nobody listens",
    status: "error",
    current: /\(100\.100\.1\.1\) does not answer/,
    remedy: /docker compose ps/,
    apply: ({ web }) => {
      web.addresses.set(at("stalwart"), "100.100.1.1");
      web.deadPorts.add({ imaps: 993, submissions: 465, submission: 587 }[service]);
    },
  })),
  ...[1, 2, 3].map((number): Break => ({
    id: `exchange.route${number}.mx.cloudflare.net`,
    what: "a certificate that nobody trusts",
    status: "error",
    current: /SELF_SIGNED_CERT/,
    remedy: STATUS_PAGE,
    apply: ({ web }) => void web.daysLeft.set(`route${number}.mx.cloudflare.net`, 0),
  })),
];

export const BREAKS: readonly Break[] = [...DELEGATION, ...RECORDS, ...POLICY, ...WEB];
