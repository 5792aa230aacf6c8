import { createPublicKey } from "node:crypto";
import type { KeyName } from "../../../infra/settings/keys";
import { parseSettings } from "../../../infra/settings/parse";
import {
  anything,
  HOST_KEY,
  KEY_PAIRS,
  PEM,
  problemsOf,
  problemsWith,
  rawWith,
  SECRETS,
  settingsWith,
  textLike,
} from "./fixtures";

test("the least stack file gives complete settings", () => {
  expect(settingsWith()).toEqual({
    domain: "example.test",
    accountId: "0123456789abcdef0123456789abcdef",
    primaryAddress: "root@example.test",
    aliases: ["postmaster@example.test", "abuse@example.test"],
    catchAll: "root@example.test",
    inbound: "worker",
    inboundDelivery: "jmap",
    hostnames: {
      server: "stalwart.example.test",
      inbound: "inbound.example.test",
      lmtp: "lmtp.example.test",
      clients: "stalwart.example.test",
      tcp: {
        imaps: "imap-tcp.example.test",
        submissions: "submission-tcp.example.test",
        sieve: "sieve-tcp.example.test",
      },
      mtaSts: "mta-sts.example.test",
      autoconfig: "autoconfig.example.test",
      autodiscover: "autodiscover.example.test",
    },
    workerName: "mail-inbound",
    spool: { bucket: "mail-spool-example-test", alertUrl: anything, alertAfterMinutes: 60, ledgerDays: 30 },
    services: ["jmap", "caldavs", "carddavs", "imaps", "submissions", "submission"],
    publicRateLimit: true,
    dkim: {
      rsa: { selector: "202602r", privateKey: anything, publicKey: textLike(/^MIIB/) },
      ed25519: { selector: "202602e", privateKey: anything, publicKey: textLike(/^.{43}=$/) },
      published: [],
    },
    dmarc: { policy: "reject", aggregateAddress: "postmaster@example.test", failureAddress: undefined },
    tlsReportAddress: "postmaster@example.test",
    caaIssuers: [],
    routing: { mxPriorities: [50, 64, 82], dkim: undefined },
    resend: { records: [], apiKey: anything },
    stalwart: { adminPassword: anything, accountPassword: anything, workerKeyNumber: 1, workerKeyKept: undefined },
    edge: { accessTokenNumber: 1, accessTokenKept: undefined, tunnelSecret: undefined },
    backup: undefined,
    host: {
      address: "192.0.2.10",
      port: 22,
      user: "mail",
      key: HOST_KEY,
      sshPrivateKey: anything,
      folder: "apps",
      subnet: "172.30.25.0/24",
    },
    tailnet: undefined,
    clientTcp: { services: [], people: ["root@example.test"] },
    adminAccess: "access",
    acme: { tokenNumber: 1, dnsToken: undefined, zone: undefined },
    protect: true,
  });
});

test("the web interface may be reached by the tailnet alone where there is one", () => {
  expect(settingsWith({ adminAccess: "public" }).adminAccess).toBe("public");
  for (const tailnet of ["split-dns", "dns-record"])
    expect(settingsWith({ adminAccess: "tailnet", tailnet }).adminAccess).toBe("tailnet");
});

test("the tailnet's mode decides the name that clients use", () => {
  const clients = (tailnet: string) => settingsWith({ tailnet }).hostnames.clients;
  expect(["off", "split-dns", "dns-record"].map(clients)).toEqual([
    "stalwart.example.test",
    "stalwart.example.test",
    "imap.example.test",
  ]);
  expect(settingsWith({ tailnet: "split-dns" }).tailnet).toEqual({
    mode: "split-dns",
    tag: "tag:mail",
    hostname: "mail",
    policy: "output",
    keyNumber: 1,
  });
});

test("names of the ways in are free as long as they are not used", () => {
  const names = { serverHostname: "imap.example.test", inboundHostname: "sieve-tcp.example.test" };
  expect(settingsWith(names).hostnames).toMatchObject({ server: names.serverHostname, inbound: names.inboundHostname });
  const used = { ...names, tailnet: "dns-record", clientTcp: '["sieve"]' };
  expect(problemsWith(used).map(({ key }) => key)).toEqual(["mail:serverHostname", "mail:inboundHostname"]);
});

test("people of the TCP tunnel may be elsewhere; without any it is the primary address", () => {
  expect(settingsWith({ clientPeople: '["me@example.org"]' }).clientTcp.people).toEqual(["me@example.org"]);
  expect(settingsWith({ primaryAddress: "jane@example.test" }).clientTcp.people).toEqual(["jane@example.test"]);
});

test("secrets keep their text and only reveal it", () => {
  const { dkim, resend } = settingsWith({ resendApiKey: `${SECRETS.resendApiKey}\n` });
  expect(resend.apiKey.reveal()).toBe(SECRETS.resendApiKey);
  expect(dkim.rsa.privateKey.reveal()).toBe(SECRETS.dkimRsaPrivateKey);
});

test("public halves belong to the private keys", () => {
  const { dkim } = settingsWith({
    dkimRsaPrivateKey: KEY_PAIRS.rsa.privateKey.export({ ...PEM, type: "pkcs1" }).toString(),
  });
  const spki = createPublicKey({ key: Buffer.from(dkim.rsa.publicKey, "base64"), format: "der", type: "spki" });
  expect(spki.equals(KEY_PAIRS.rsa.publicKey)).toBe(true);
  // SubjectPublicKeyInfo of Ed25519 is a fixed head of 12 bytes and the raw key (RFC 8410 §4).
  const raw = KEY_PAIRS.ed25519.publicKey.export({ type: "spki", format: "der" }).subarray(12);
  expect(dkim.ed25519.publicKey).toBe(raw.toString("base64"));
});

test("Resend's own fields pass, the others are dropped", () => {
  const item = {
    record: "SPF",
    name: "send",
    type: "MX",
    ttl: "Auto",
    status: "verified",
    value: "feedback-smtp.eu-west-1.amazonses.com",
    priority: 10,
  };
  const { record, name, type, value, priority } = item;
  expect(settingsWith({ resendRecords: JSON.stringify([item]) }).resend.records).toEqual([
    { record, type, name, value, priority },
  ]);
});

test("the default aliases give way to the primary address", () => {
  expect(settingsWith({ primaryAddress: "postmaster@example.test" }).aliases).toEqual(["abuse@example.test"]);
});

test("`none` switches the catch-all off, and an alias may take it", () => {
  expect(settingsWith({ catchAll: "none" }).catchAll).toBeUndefined();
  expect(settingsWith({ catchAll: "abuse@example.test" }).catchAll).toBe("abuse@example.test");
});

test("the spool's bucket is named after the domain, each domain's otherwise", () => {
  const bucket = (domain: string) => settingsWith({ domain, primaryAddress: `root@${domain}` }).spool?.bucket;
  expect(bucket("a.b.org")).toBe("mail-spool-a-b-org");
  expect(bucket("a-b.org")).toBe("mail-spool-a--b-org");
  const long = ["one", "two"].map((label) => bucket(`${"very-long-label.".repeat(5)}${label}.org`));
  for (const name of long) expect(name).toMatch(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/);
  expect(new Set(long).size).toBe(2);
});

test("`none` switches the spool off; an alert's URL is revealed only on request", () => {
  expect(settingsWith({ spool: "none" }).spool).toBeUndefined();
  expect(settingsWith().spool?.alertUrl.reveal()).toBe("");
  const spoolAlertUrl = { text: "https://ntfy.example/topic?auth=x", secret: true };
  expect(settingsWith({ spoolAlertUrl }).spool?.alertUrl.reveal()).toBe("https://ntfy.example/topic?auth=x");
});

test.each<readonly [KeyName, string]>([
  ["spoolAlertAfterMinutes", "5"],
  ["ledgerDays", "365"],
  ["hostAddress", "i3"],
  ["hostAddress", "host.tailnet.ts.net"],
  ["hostAddress", "2001:db8::1"],
  ["dmarcFailureAddress", "a_b+c@reports.example"],
  ["serverHostname", "mail.example.test"],
  ["aliases", "[]"],
  ["aliases", '["info@example.test","sales+eu"]'],
  ["services", "[]"],
  ["routingDkim", "v=DKIM1; h=sha256; k=rsa; p=MIIBIjAN"],
  ["hostSshPrivateKey", SECRETS.dkimEd25519PrivateKey],
  ["protect", "false"],
])("%s may be %s", (key, value) => {
  expect(problemsWith({ [key]: value })).toEqual([]);
});

test.each([
  "example.org",
  "a.co.uk",
  "mail.example.org",
  "xn--bcher-kva.example",
  "github.io",
  "stack.test",
  "xn--80ak6aa92e.com",
])("the domain may be %s", (domain) => {
  expect(settingsWith({ domain, primaryAddress: `root@${domain}` }).hostnames.server).toBe(`stalwart.${domain}`);
});

test("a plain key stored as a secret is fine", () => {
  expect(settingsWith({ accountId: { text: "0".repeat(32), secret: true } }).accountId).toBe("0".repeat(32));
});

test("without the plaintext of secrets everything else is still checked", () => {
  const locked = {
    resendApiKey: { text: undefined, secret: true },
    dkimRsaPrivateKey: { text: undefined, secret: true },
  };
  const result = parseSettings(rawWith(locked));
  expect(result).toMatchObject({ kind: "locked", keys: ["dkimRsaPrivateKey", "resendApiKey"] });
  expect(result).toMatchObject({ values: { domain: "example.test", dkimRsaPrivateKey: "[secret]", hostPort: 22 } });
  expect(problemsOf(parseSettings(rawWith({ ...locked, hostPort: "0" }))).map(({ key }) => key)).toEqual([
    "mail:hostPort",
  ]);
});
