import { generateKeyPairSync } from "node:crypto";
import type { KeyName } from "../../../infra/settings/keys";
import { parseSettings } from "../../../infra/settings/parse";
import {
  HOST_KEY,
  KEY_PAIRS,
  objectWith,
  opensshKey,
  PEM,
  problemsWith,
  rawWith,
  SECRETS,
  sshBlob,
  textWith,
} from "./fixtures";

type Row = readonly [key: KeyName, value: string, fact: string, command?: string];

const LABEL_64 = "a".repeat(64);
const resend = (...items: readonly unknown[]): string => JSON.stringify(items);
const dkim = { record: "DKIM", type: "TXT", name: "resend._domainkey", value: "p=MIGf" };
const mx = { record: "SPF", type: "MX", name: "send", value: "feedback-smtp.eu-west-1.amazonses.com", priority: 10 };

const ROWS: readonly Row[] = [
  ["domain", "https://example.org/", 'is a URL, not a name; that would be "example.org"', "mail:domain example.org "],
  ["domain", "example.org.", "ends in a dot", "mail:domain example.org "],
  ["domain", "my_mail.org", "contains an underscore"],
  ["domain", "Example.ORG", 'has upper case letters; in lower case it is "example.org"', "mail:domain example.org "],
  ["domain", "bücher.example", 'its A-label form is "xn--bcher-kva.example"', "mail:domain xn--bcher-kva.example "],
  ["domain", `${LABEL_64}.org`, "has a label longer than 63"],
  ["domain", `${"a.".repeat(127)}org`, "is longer than 253"],
  ["domain", "example..org", "has an empty label"],
  ["domain", ".example.org", "has an empty label"],
  ["domain", "-example.org", "begins or ends with a hyphen"],
  ["domain", "example-.org", "begins or ends with a hyphen"],
  ["domain", "192.0.2.1", "is an IP address"],
  ["domain", "[2001:db8::1]", "is an IP address"],
  ["domain", "localhost", "is a single label"],
  ["domain", "co.uk", "is a public suffix"],
  ["domain", "com", "is a single label"],
  ["domain", "home.lan", "ends in no known top-level domain"],
  ["domain", "root@example.org", "is an address, not a name", "mail:domain example.org "],
  ["domain", "example.org:25", "has a port", "mail:domain example.org "],
  ["domain", "example.org/mail", "has a path"],
  ["domain", " example.org", "contains white space", "mail:domain example.org "],
  ["domain", "exa\u200bmple.org", "contains white space or control characters"],
  ["domain", "xn--a.org", "has an invalid A-label"],
  ["domain", "*.example.org", "contains a character other than"],
  ["accountId", "0123", "is no Cloudflare account id"],
  ["accountId", "0123456789ABCDEF0123456789ABCDEF", "has upper case letters", "0123456789abcdef0123456789abcdef "],
  ["accountId", "1.2345678901234567e+31", "in quotes"],
  ["primaryAddress", "root@example.org", "is in another domain", "mail:primaryAddress root@example.test "],
  ["primaryAddress", "@example.test", "has no local part"],
  ["primaryAddress", '"a b"@example.test', "has a quoted local part"],
  ["primaryAddress", "root", "it has no @"],
  ["primaryAddress", "root@", "has no domain part"],
  ["primaryAddress", `${"a".repeat(65)}@example.test`, "longer than 64 octets"],
  ["primaryAddress", "Root@example.test", "has upper case letters", "root@example.test "],
  ["primaryAddress", "root@Example.test", "has upper case letters", "root@example.test "],
  ["primaryAddress", "root+tag@example.test", "has a plus-tag", "root@example.test "],
  ["primaryAddress", "jürgen@example.test", "not in ASCII"],
  ["primaryAddress", "Root <root@example.test>", "is more than a bare address", "root@example.test "],
  ["primaryAddress", "a..b@example.test", "two in a row"],
  ["primaryAddress", "a(b@example.test", "a character that a local part may not have"],
  ["aliases", '["abuse","abuse"]', "aliases[1] repeats", "rm --path 'mail:aliases[1]'"],
  ["aliases", '["abuse","abuse@example.test"]', "aliases[1] repeats"],
  ["aliases", '["root"]', "is the primary address", "rm --path 'mail:aliases[0]'"],
  ["aliases", '["abuse@example.org"]', "is in another domain", "--path 'mail:aliases[0]' abuse@example.test "],
  ["aliases", "[7]", "is not a string"],
  [
    "aliases",
    "abuse",
    "is not a list",
    "rm mail:aliases --stack {stack} && pulumi config set --path 'mail:aliases[0]'",
  ],
  ["aliases", '["a b"]', "contains white space"],
  ["catchAll", "other@example.test", "is no address of this deployment"],
  ["catchAll", "root@example.org", "is in another domain"],
  ["inbound", "workers", 'did you mean "worker"', "mail:inbound worker "],
  ["inbound", "on", "is not one of the allowed words"],
  ["serverHostname", "example.test", "is the mail domain itself"],
  ["serverHostname", "a.b.example.test", "is more than one label below"],
  ["serverHostname", "mail.example.org", "is not below the mail domain"],
  ["serverHostname", "stalwart", "is not a complete name", "mail:serverHostname stalwart.example.test "],
  ["serverHostname", "ma_il.example.test", "contains an underscore"],
  ["serverHostname", "mta-sts.example.test", "is already the name of the MTA-STS"],
  ["serverHostname", "autoconfig.example.test", "is already the name of"],
  ["serverHostname", "inbound.example.test", "inboundHostname is already the name of the mail server"],
  ["inboundHostname", "stalwart.example.test", "is already the name of the mail server"],
  ["inboundHostname", "autodiscover.example.test", "is already the name of"],
  ["workerName", "Mail", "is no name for a Worker"],
  ["workerName", "-mail", "is no name for a Worker"],
  ["workerName", LABEL_64, "is no name for a Worker"],
  ["spool", "R2", 'did you mean "r2"', "mail:spool r2 "],
  ["spool", "s3", "is not one of the allowed words"],
  ["spoolAlertUrl", "http://ntfy.example/topic", "is not an https URL"],
  ["spoolAlertUrl", "ntfy.example/topic", "is no URL"],
  ["spoolAlertUrl", "https://user:pw@ntfy.example/", "has a user name or password"],
  ["spoolAlertUrl", "https://ntfy.example/a b", "contains white space"],
  ["spoolAlertUrl", "https://ntfy.example/ü", "is not in ASCII"],
  ["spoolAlertUrl", "https://ntfy.example/#topic", "has a fragment"],
  ["spoolAlertUrl", "https://localhost/topic", "names a host that the internet does not know"],
  ["spoolAlertUrl", `https://ntfy.example/${"a".repeat(2048)}`, "is longer than 2048"],
  ["spoolAlertAfterMinutes", "4", "is out of range"],
  ["spoolAlertAfterMinutes", "10081", "is out of range"],
  ["spoolAlertAfterMinutes", "1h", "is not an integer"],
  ["ledgerDays", "6", "is out of range"],
  ["ledgerDays", "366", "is out of range"],
  ["ledgerDays", "30.5", "is not an integer"],
  ["services", '["jmap","pop3"]', "services[1] is no known service"],
  ["services", '["imap"]', 'did you mean "imaps"', "--path 'mail:services[0]' imaps "],
  ["services", '["jmap","jmap"]', "repeats"],
  ["dkimRsaSelector", "a.b", "is not one DNS label"],
  ["dkimRsaSelector", "a_b", "is not one DNS label"],
  ["dkimRsaSelector", "202602R", "has upper case letters", "mail:dkimRsaSelector 202602r "],
  ["dkimRsaSelector", "cf2024-1", "Email Routing's own key"],
  ["dkimEd25519Selector", "202602r", "is already the selector of the RSA key"],
  ["dkimRsaPrivateKey", "nonsense", "is no private key in PEM form"],
  ["dkimRsaPrivateKey", SECRETS.dkimRsaPrivateKey.replaceAll("\n", "\\n"), "\\n where line breaks belong"],
  ["dkimRsaPrivateKey", SECRETS.dkimEd25519PrivateKey, "is a key of type ed25519, not RSA"],
  ["dkimRsaPrivateKey", rsaKey(1024), "1024 bits, too few"],
  ["dkimRsaPrivateKey", rsaKey(4160), "4160 bits, too many"],
  ["dkimRsaPrivateKey", KEY_PAIRS.rsa.publicKey.export({ type: "spki", format: "pem" }).toString(), "is a public key"],
  ["dkimRsaPrivateKey", encrypted(), "encrypted with a passphrase"],
  [
    "dkimRsaPrivateKey",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    "holds no readable private key",
  ],
  ["dkimEd25519PrivateKey", SECRETS.dkimRsaPrivateKey, "is a key of type rsa, not Ed25519"],
  ["dkimEd25519PrivateKey", opensshKey("none"), "OpenSSH's own form"],
  ["dmarcPolicy", "rejected", 'did you mean "reject"'],
  ["dmarcAggregateAddress", "reports", "it has no @"],
  ["dmarcAggregateAddress", "a!b@example.org", "would have to encode"],
  [
    "dmarcAggregateAddress",
    "mailto:a@example.org",
    "more than a bare address",
    "mail:dmarcAggregateAddress a@example.org ",
  ],
  ["dmarcFailureAddress", "a@localhost", "domain part that is a single label"],
  ["tlsReportAddress", "a@Example.org", "domain part that has upper case", "mail:tlsReportAddress a@example.org "],
  ["caaIssuers", '["letsencrypt"]', "is a single label"],
  ["caaIssuers", '["letsencrypt.com"]', "is not the name of a certificate authority in CAA records"],
  ["caaIssuers", '["pki.goog","cloudflare.com"]', "is not the name of a certificate authority in CAA records"],
  ["caaIssuers", '["www.ssl.com"]', "is not the name of a certificate authority in CAA records"],
  ["caaIssuers", '["ssl.com","ssl.com"]', "repeats"],
  ["routingMxPriorities", "[1,2]", "has 2 items, not three"],
  ["routingMxPriorities", "[1,2,65536]", "routingMxPriorities[2] is out of range"],
  ["routingMxPriorities", '[1,2,"3"]', "is not an integer"],
  ["routingDkim", "k=rsa; p=AAAA", "does not begin with v=DKIM1"],
  ["routingDkim", 'v=DKIM1; p="AAAA"', "has quotation marks"],
  ["routingDkim", "v=DKIM1; k=rsa", "has no p= tag"],
  ["resendRecords", "{}", "is not a list"],
  ["resendRecords", "[1]", "is no object"],
  ["resendRecords", resend({ ...dkim, type: "A" }), "resendRecords[0].type is not a type"],
  ["resendRecords", resend({ ...dkim, name: "resend._domainkey." }), "resendRecords[0].name ends in a dot"],
  ["resendRecords", resend({ ...dkim, name: "send.example.test" }), "is not relative", "[0].name' send "],
  [
    "resendRecords",
    resend({ ...dkim, value: '"p=x"' }),
    "contains quotation marks",
    "mail:resendRecords[0].value' p=x ",
  ],
  ["resendRecords", resend({ ...dkim, name: "@" }), "is the mail domain itself"],
  ["resendRecords", resend({ ...dkim, name: "_dmarc" }), "is the name of a record that this program"],
  ["resendRecords", resend({ ...dkim, name: "mta-sts" }), "is the name of a record that this program"],
  ["resendRecords", resend({ ...dkim, value: "" }), "resendRecords[0].value is empty"],
  ["resendRecords", resend({ ...dkim, value: 'p="x"' }), "contains quotation marks"],
  ["resendRecords", resend({ ...dkim, value: "p=\nx" }), "contains control characters"],
  [
    "resendRecords",
    resend({ ...dkim, priority: 10 }),
    "is set on a record that is no MX",
    "rm --path 'mail:resendRecords[0].priority'",
  ],
  ["resendRecords", resend({ ...mx, priority: undefined }), "resendRecords[0].priority is not an integer"],
  ["resendRecords", resend({ ...mx, priority: 65_536 }), "resendRecords[0].priority is not an integer"],
  ["resendRecords", resend({ ...mx, value: "nowhere" }), "is no host name"],
  ["resendRecords", resend(dkim, dkim), "resendRecords[1] repeats", "rm --path 'mail:resendRecords[1]'"],
  ["resendRecords", resend(dkim, { ...dkim, value: "p=other" }), "second TXT record"],
  ["resendRecords", resend(mx, { ...dkim, type: "CNAME", name: "send", value: "a.example.org" }), "is a CNAME"],
  ["resendRecords", resend({ ...dkim, name: "202602r._domainkey" }), "dkimRsaSelector is already the selector"],
  ["resendRecords", resend({ ...mx, name: "stalwart" }), "serverHostname is already the name of a record of Resend"],
  ["primaryAddress", "admin@example.test", "is the administrator's account"],
  ["aliases", '["postmaster","cf-mail-worker"]', "aliases[1] is the Worker's account"],
  ["resendApiKey", "two words", "is not one word"],
  ["resendApiKey", "re_a\nre_b", "is not one word"],
  ["resendApiKey", "re_a\\b", "has a backslash"],
  ["resendApiKey", "re_'a\"b", "has a single quotation mark together with"],
  ["resendApiKey", "re_'a$b", "has a single quotation mark together with"],
  ["adminPassword", "eleven-char", "is shorter than 12 characters"],
  ["adminPassword", " begins with a space", "begins or ends with a space"],
  ["accountPassword", "two lines\nof it, really", "has line breaks"],
  ["accountPassword", "x".repeat(129), "is longer than 128"],
  ["hostAddress", "ssh://192.0.2.10", "is a URL"],
  ["hostAddress", "mail@host.example", "names a user too", "mail:hostAddress host.example "],
  ["hostAddress", "host.example:22", "has a port"],
  ["hostAddress", "192.0.2", "is no complete IP address"],
  ["hostPort", "0", "is out of range"],
  ["hostPort", "65536", "is out of range"],
  ["hostPort", "22.5", "is not an integer"],
  ["hostPort", "-22", "is not an integer"],
  ["hostFolder", "../apps", "is no plain folder name"],
  ["hostFolder", "my apps", "is no plain folder name"],
  ["hostSubnet", "172.30.25.0/16", "is not an IPv4 network of 256 addresses"],
  ["hostSubnet", "172.30.25.1/24", "does not begin at the network's first", "mail:hostSubnet 172.30.25.0/24 "],
  ["hostSubnet", "8.8.8.0/24", "is not private"],
  ["hostSubnet", "172.30.25.0/24/x: y", "is not an IPv4 network of 256 addresses"],
  ["hostSubnet", "172.30.25.0/24/24", "is not an IPv4 network of 256 addresses"],
  ["hostSubnet", "172.30.25.0/24\n", "is not an IPv4 network of 256 addresses"],
  ["workerKeyNumber", "0", "is out of range"],
  ["accessTokenNumber", "0", "is out of range"],
  ["accessTokenKept", "1", "is the number of the present one"],
  ["workerKeyKept", "1", "is the number of the present one"],
  ["backupKeyKept", "1", "is the number of the present one"],
  ["accessTokenKept", "10000", "is out of range"],
  ["backupKeyNumber", "0", "is out of range"],
  ["dkimPublished", "202611r", "has an item that is not selector:rsa:KEY"],
  ["dkimPublished", "202611r:dsa:MIIB", "has an item that is not selector:rsa:KEY"],
  ["dkimPublished", "202602r:rsa:MIIB", "is already the selector of the RSA key"],
  ["dkimPublished", "a:rsa:MIIB a:ed25519:MIIB", "is already the selector of another key of this list"],
  ["hostUser", "-mail", "is no POSIX user name"],
  ["hostUser", "mail user", "is no POSIX user name"],
  ["hostUser", "a".repeat(33), "longer than 32"],
  ["hostKey", `ssh-rsa ${sshBlob("ssh-rsa", Buffer.alloc(256))}`, 'its type is "ssh-rsa"'],
  ["hostKey", `ecdsa-sha2-nistp256 ${sshBlob("ecdsa-sha2-nistp256", Buffer.alloc(65))}`, "is not an ssh-ed25519 key"],
  ["hostKey", opensshKey("none"), "is a private key"],
  ["hostKey", "SHA256:uNiVztksCsDhcc0u9e8BrJPn7w", "is a fingerprint"],
  ["hostKey", `host.example ${HOST_KEY}`, "is a known_hosts line", `mail:hostKey '${HOST_KEY}' `],
  ["hostKey", "# host.example:22 SSH-2.0-OpenSSH_9.2", "is the comment line"],
  ["hostKey", `${HOST_KEY}\n${HOST_KEY}`, "is more than one line"],
  ["hostKey", `ssh-ed25519 ${sshBlob("ssh-rsa", Buffer.alloc(32))}`, "is not what it says"],
  ["hostKey", `ssh-ed25519 ${sshBlob("ssh-ed25519", Buffer.alloc(31))}`, "is cut or damaged"],
  ["hostKey", HOST_KEY.slice(0, -8), "does not hold 32 bytes"],
  ["hostKey", HOST_KEY.slice(0, -9), "does not hold the key in base64"],
  ["hostKey", "ssh-ed25519", "does not hold the key in base64"],
  ["hostKey", HOST_KEY.replace("ssh-ed25519 ", ""), "lacks the key type in front", `'${HOST_KEY}'`],
  ["hostSshPrivateKey", HOST_KEY, "is a public key"],
  ["hostSshPrivateKey", opensshKey("aes256-ctr"), "encrypted with a passphrase"],
  ["hostSshPrivateKey", opensshKey("none").slice(0, 80), "is cut"],
  ["hostSshPrivateKey", "PuTTY-User-Key-File-3: ssh-ed25519", "PuTTY"],
  ["hostSshPrivateKey", encrypted(), "encrypted with a passphrase"],
  ["tailnet", "dns", "is not one of the allowed words"],
  ["tailnet", "split_dns", 'did you mean "split-dns"', "mail:tailnet split-dns "],
  ["tailnetTag", "mail", "lacks tag: in front", "mail:tailnetTag tag:mail "],
  ["tailnetTag", "tag:1st", "is no tag of a tailnet"],
  ["tailnetTag", "tag:Mail", "is no tag of a tailnet"],
  ["tailnetHostname", "mail.example.org", "is no machine name"],
  ["tailnetPolicy", "overwrite", "is not one of the allowed words"],
  ["tailnetKeyNumber", "0", "is out of range"],
  ["acmeZone", "example.test", "is the mail domain, or above or below it"],
  ["acmeZone", "acme.example.test", "is the mail domain, or above or below it"],
  ["acmeZone", "nonsense", "is a single label, not a domain name"],
  ["acmeTokenNumber", "0", "is out of range"],
  ["adminAccess", "tailnet", "needs a tailnet, and mail:tailnet is off", "mail:adminAccess access "],
  ["adminAccess", "off", "is not one of the allowed words"],
  ["adminAccess", "acess", 'did you mean "access"', "mail:adminAccess access "],
  ["clientTcp", '["imap"]', "clientTcp[0] is no service of the TCP tunnel", "--path 'mail:clientTcp[0]' imaps "],
  ["clientTcp", '["jmap"]', "is no service of the TCP tunnel"],
  ["clientTcp", '["sieve","sieve"]', "repeats"],
  ["clientPeople", '["me"]', "it has no @"],
  ["protect", "yes", "is neither true nor false"],
];

test.each(ROWS.map(([key, value, fact, command = ""]) => ({ key, value, fact, command })))(
  "$key: $fact",
  ({ key, value, fact, command }) => {
    const problems = problemsWith({ [key]: value });
    expect(problems.map((problem) => problem.fact).join("\n")).toContain(fact);
    expect(problems.map((problem) => problem.command).join("\n")).toContain(command);
  },
);

test.each(["domain", "primaryAddress", "hostKey", "resendApiKey"] as const)("%s missing or empty", (key) => {
  for (const value of [undefined, "", " "]) {
    expect(problemsWith({ [key]: value })).toContainEqual(objectWith({ fact: `mail:${key} is missing.` }));
  }
});

test("commands for one list can be run one after the other", () => {
  const commands = problemsWith({ aliases: '["a","a","B","a"]' }).map(({ command }) =>
    command.replace(/ --stack.*/, ""),
  );
  expect(commands).toEqual([
    "pulumi config set --path 'mail:aliases[2]' b",
    "pulumi config rm --path 'mail:aliases[3]'",
    "pulumi config rm --path 'mail:aliases[1]'",
  ]);
});

test("a secret in the clear has to be replaced, and is not shown", () => {
  const [problem, ...others] = problemsWith({ resendApiKey: { text: SECRETS.resendApiKey, secret: false } });
  expect(others).toEqual([]);
  expect(problem).toMatchObject({
    fact: "mail:resendApiKey is a secret, but is stored in the clear in the stack file.",
    consequence: textWith("have a new one issued"),
    command: "pulumi config set --secret mail:resendApiKey --stack {stack}",
  });
  expect(JSON.stringify(problem)).not.toContain(SECRETS.resendApiKey);
});

test("a private key in a plain key is not shown", () => {
  for (const key of ["hostKey", "hostUser", "domain", "dkimRsaSelector"] as const) {
    const problems = problemsWith({ [key]: SECRETS.dkimEd25519PrivateKey });
    expect(problems).not.toEqual([]);
    const [, base64 = ""] = SECRETS.dkimEd25519PrivateKey.split("\n");
    expect(JSON.stringify(problems)).not.toContain(base64.slice(0, 12));
  }
});

test("an alert's URL is never shown, also when it is stored in the clear", () => {
  for (const value of ["http://ntfy.example/hidden", "https://user:hidden@ntfy.example/", "hidden"]) {
    const problems = problemsWith({ spoolAlertUrl: value });
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toMatch(/hidden|ntfy/);
  }
  const result = parseSettings(rawWith({ spoolAlertUrl: "https://ntfy.example/hidden" }));
  expect(result).toMatchObject({ kind: "settings", values: { spoolAlertUrl: "[secret]" } });
  expect(JSON.stringify(result)).not.toContain("hidden");
  expect(parseSettings(rawWith())).toMatchObject({ values: { spoolAlertUrl: "" } });
});

function rsaKey(modulusLength: number): string {
  return generateKeyPairSync("rsa", { modulusLength }).privateKey.export(PEM).toString();
}

function encrypted(): string {
  return KEY_PAIRS.rsa.privateKey.export({ ...PEM, cipher: "aes-256-cbc", passphrase: "x" }).toString();
}
