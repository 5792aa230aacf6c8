import { tcpHostnames } from "../../../infra/settings/clients";
import { Secret } from "../../../infra/settings/secret";
import type { Settings } from "../../../infra/settings/settings";

/** Public halves of keys that nobody holds any more: golden files need the same ones every time. */
const RSA =
  "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAocbE7UdoGA63fnQJjf2j/5+hP6UW+g35jG5eogf22/I3Xc/lOq/nVP+hm3Kx9ABLSNm8t/eOu8YWwo/RChQEGE2TzKxIaeOL8UOgSESKrbZKw20FwMFZvw1N6c3AECHMCaFe9wIvp/NVguGS5C1kYxIrffH8NPPXji2UFWX8mMVW1Z5NjkZStjtoNNIcZufUXPPVmYqnbNXDPrW8DSmpm8DovIaJnzQoQBVHPFm0cUXVjEmb7RDL109Tfd3TxiOunxftn2dOiPPpaNqKmP1UzGlCKBt9ucD9U19EJBQy0e17qRK2hKQZjkkAnZAucfNSpdbcjzpRY3BDp7GM1763RQIDAQAB";
const ED25519 = "LJzGGFJXHZzrIO9l1v1sVdYBCgPv2ZBgO9S4k0+++ZI=";
const RESEND =
  "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDdxbeU3jrnjoXJjNMt7a18fp2x4kN9qT7/fIGCQ2fjlm6wpN+hp2vaWJSUMHHPxDhGMb8tLnbgcKuRJUrORhQUKfV6Pr9msTwbM6uq46b4S17jgctDTid6qNnTD8oZTdUkhkq150MzfryOER0qpFfuYbjuMiK4lEukRgKWRTaXxwIDAQAB";
const ROUTING =
  "v=DKIM1; h=sha256; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6kGnp3W48jzxujU/MUDeEEplrGS3Vnt8NUWwmj7n2xe8EelKVBgZycOpyCvHo/0nyg2sNrwpdodOHHx2BgjJeMs+7iiyhUUcNpVHqk+SXtRf9Vwcrwt99MA39UD4zqRJp1XkL2lDQyXwWmUiItmSEfPdunaPJlou9uUsi4TFFaf5VLLdC0F1WxV8vLf4wfXKtw+J+G5Gs7YBQ9b/jJtSHFD/N5kyHJ6MGtDyu8AzkJGLtEwOISuDxn/xl1j7z1jqKP/261FlsFy3HC761mSx4XhHgtVAvBoV/cATotk6dp61ZdAIBn7xJrLp8FUPWcxjEe1hJMOvMwKSk1GWxbf7AwIDAQAB";

const hidden = new Secret("not used by DNS");

/** The documented deployment. */
export function augustin(changes: Partial<Settings> = {}): Settings {
  const domain = "augustin.ai";
  return {
    domain,
    accountId: "0123456789abcdef0123456789abcdef",
    primaryAddress: `root@${domain}`,
    aliases: [`postmaster@${domain}`, `abuse@${domain}`],
    catchAll: `root@${domain}`,
    inbound: "worker",
    inboundDelivery: "jmap",
    hostnames: {
      server: `stalwart.${domain}`,
      inbound: `inbound.${domain}`,
      lmtp: `lmtp.${domain}`,
      clients: `stalwart.${domain}`,
      tcp: tcpHostnames(domain),
      mtaSts: `mta-sts.${domain}`,
      autoconfig: `autoconfig.${domain}`,
      autodiscover: `autodiscover.${domain}`,
    },
    workerName: "mail-inbound",
    spool: undefined,
    backup: undefined,
    edge: { accessTokenNumber: 1, accessTokenKept: undefined, tunnelSecret: undefined },
    services: ["jmap", "caldavs", "carddavs", "imaps", "submissions", "submission"],
    publicRateLimit: true,
    dkim: {
      rsa: { selector: "202602r", privateKey: hidden, publicKey: RSA },
      ed25519: { selector: "202602e", privateKey: hidden, publicKey: ED25519 },
      published: [],
    },
    dmarc: {
      policy: "reject",
      aggregateAddress: `postmaster@${domain}`,
      failureAddress: `postmaster@${domain}`,
    },
    tlsReportAddress: `postmaster@${domain}`,
    caaIssuers: ["letsencrypt.org", "pki.goog", "ssl.com"],
    routing: { mxPriorities: [50, 64, 82], dkim: ROUTING },
    resend: {
      apiKey: hidden,
      records: [
        {
          record: "SPF",
          type: "MX",
          name: "send",
          value: "feedback-smtp.eu-west-1.amazonses.com",
          priority: 10,
        },
        { record: "SPF", type: "TXT", name: "send", value: "v=spf1 include:amazonses.com ~all" },
        { record: "DKIM", type: "TXT", name: "resend._domainkey", value: `p=${RESEND}` },
      ],
    },
    stalwart: { adminPassword: hidden, accountPassword: hidden, workerKeyNumber: 1, workerKeyKept: undefined },
    host: {
      address: "192.0.2.10",
      port: 22,
      user: "mail",
      key: "ssh-ed25519 AAAA",
      sshPrivateKey: hidden,
      folder: "apps",
      subnet: "172.30.25.0/24",
    },
    tailnet: { mode: "split-dns", tag: "tag:mail", hostname: "mail", policy: "output", keyNumber: 1 },
    clientTcp: { services: ["imaps", "submissions"], people: [`root@${domain}`] },
    adminAccess: "access",
    acme: { tokenNumber: 1, dnsToken: undefined, zone: undefined },
    protect: true,
    ...changes,
  };
}

/** The documented deployment whose phones find it by a record of its own instead of the tailnet's resolver. */
export function byRecord(changes: Partial<Settings> = {}): Settings {
  const { hostnames, tailnet, ...rest } = augustin(changes);
  if (tailnet === undefined) throw new Error("the documented deployment has a tailnet");
  return {
    ...rest,
    hostnames: { ...hostnames, clients: `imap.${rest.domain}` },
    tailnet: { ...tailnet, mode: "dns-record" },
  };
}

/** A further domain: reports go to two other organisations, Resend asks for CNAMEs, few services are offered. */
export function further(changes: Partial<Settings> = {}): Settings {
  const domain = "example.co.uk";
  return {
    ...augustin(),
    domain,
    primaryAddress: `hello@${domain}`,
    aliases: [],
    catchAll: undefined,
    hostnames: {
      server: `mail.${domain}`,
      inbound: `inbound.${domain}`,
      lmtp: `lmtp.${domain}`,
      clients: `mail.${domain}`,
      tcp: tcpHostnames(domain),
      mtaSts: `mta-sts.${domain}`,
      autoconfig: `autoconfig.${domain}`,
      autodiscover: `autodiscover.${domain}`,
    },
    services: ["jmap", "sieve"],
    dmarc: {
      policy: "quarantine",
      aggregateAddress: "dmarc@reports.example.net",
      failureAddress: "postmaster@augustin.ai",
    },
    tlsReportAddress: "tls@reports.example.net",
    caaIssuers: [],
    routing: { mxPriorities: [13, 24, 86], dkim: undefined },
    resend: {
      apiKey: hidden,
      records: [
        { record: "SPF", type: "CNAME", name: "send", value: "send.u1.resend-dns.example." },
        { record: "DKIM", type: "CNAME", name: "r1._domainkey", value: "r1.dkim.resend-dns.example" },
        { record: "DKIM", type: "CNAME", name: "R2._domainkey", value: "r2.dkim.Resend-DNS.example" },
        { record: "DKIM", type: "CNAME", name: "r3._domainkey", value: "r3.dkim.resend-dns.example" },
      ],
    },
    ...changes,
  };
}
