import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { authenticate, dkimSign, type AuthenticateResult } from "mailauth";
import { parsePolicy, validateMx } from "mailauth/lib/mta-sts";
import type { MailRecord } from "../../infra/dns/record";
import { mailRecords } from "../../infra/dns/records";
import { quoteTxt, unquoteTxt } from "../../infra/dns/txt";
import { Secret } from "../../infra/settings/secret";
import { augustin, further } from "../unit/dns/fixtures";

const DOMAIN = "augustin.ai";

/** Sends for Resend in the stubbed part of the DNS; everything else is a stranger. */
const RELAY_IP = "192.0.2.25";
const STRANGER_IP = "198.51.100.66";

/** What lies outside the zone. */
const OUTSIDE: Readonly<Record<string, string>> = {
  "_spf.mx.cloudflare.net": "v=spf1 ip4:203.0.113.0/24 ~all",
  "amazonses.com": `v=spf1 ip4:${RELAY_IP}/32 -all`,
};

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");
const relay = generateKeyPairSync("rsa", { modulusLength: 2048 });
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });

const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
const spki = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" });

/** RFC 8463 publishes the 32 raw bytes, which end the SubjectPublicKeyInfo. */
const settings = augustin({
  dkim: {
    rsa: {
      selector: "202602r",
      privateKey: new Secret(pem(rsa.privateKey)),
      publicKey: spki(rsa.publicKey).toString("base64"),
    },
    ed25519: {
      selector: "202602e",
      privateKey: new Secret(pem(ed25519.privateKey)),
      publicKey: spki(ed25519.publicKey).subarray(-32).toString("base64"),
    },
    published: [],
  },
  resend: {
    ...augustin().resend,
    records: augustin().resend.records.map((record) =>
      record.name === "resend._domainkey"
        ? { ...record, value: `p=${spki(relay.publicKey).toString("base64")}` }
        : record,
    ),
  },
});
const records = mailRecords(settings);

/** Answers from these records and the stubs alone, with the strings of a TXT record as they are cut. */
function resolverOf(given: readonly MailRecord[]) {
  return (name: string, type: string): Promise<string[][]> => {
    const outside = OUTSIDE[name.toLowerCase()];
    if (type === "TXT" && outside !== undefined) return Promise.resolve([[outside]]);
    const found = given.flatMap((record) =>
      type === "TXT" && record.name === name.toLowerCase() && record.data.type === "TXT"
        ? [
            quoteTxt(record.data.text)
              .split(/(?<=") (?=")/)
              .map(unquoteTxt),
          ]
        : [],
    );
    if (found.length > 0) return Promise.resolve(found);
    const known = given.some((record) => record.name === name || record.name.endsWith(`.${name}`));
    return Promise.reject(Object.assign(new Error(`no ${type} at ${name}`), { code: known ? "ENODATA" : "ENOTFOUND" }));
  };
}

const MESSAGE = [
  `From: Root <root@${DOMAIN}>`,
  "To: someone@example.org",
  "Subject: Hello",
  "Date: Sun, 22 Nov 2026 12:00:00 +0000",
  `Message-ID: <1@${DOMAIN}>`,
  "",
  "Hello.",
  "",
].join("\r\n");

interface Signer {
  readonly selector: string;
  readonly privateKey: KeyObject;
}

async function signed(first: Signer, ...others: Signer[]): Promise<string> {
  const signature = ({ selector, privateKey }: Signer) => ({
    signingDomain: DOMAIN,
    selector,
    privateKey: pem(privateKey),
  });
  const signatureData = [first, ...others].map(signature);
  const { signatures, errors } = await dkimSign(MESSAGE, { ...signature(first), signatureData });
  expect(errors).toEqual([]);
  return signatures + MESSAGE;
}

function receive(
  message: string,
  { sender = `bounces@send.${DOMAIN}`, ip = RELAY_IP, given = records } = {},
): Promise<AuthenticateResult> {
  const resolver = resolverOf(given);
  return authenticate(message, { sender, ip, helo: "relay.example", mta: "mx.example.org", resolver, strict: true });
}

/** The three verdicts, and which selectors passed in alignment. */
function verdict(result: AuthenticateResult) {
  const { dkim, spf, dmarc } = result;
  return {
    spf: spf && spf.status.result,
    dkim: dkim.results.map(
      ({ selector, status }) => `${selector ?? ""} ${status.result} ${status.aligned || "unaligned"}`,
    ),
    dmarc: dmarc && dmarc.status.result,
    policy: dmarc && dmarc.policy,
  };
}

const RSA_KEY = { selector: "202602r", privateKey: rsa.privateKey };
const ED25519_KEY = { selector: "202602e", privateKey: ed25519.privateKey };

describe("mailauth, asking these records alone", () => {
  it("passes DKIM and DMARC for Stalwart's RSA and Ed25519 signatures, whoever relays", async () => {
    const message = await signed(RSA_KEY, ED25519_KEY);
    expect(verdict(await receive(message, { sender: "x@list.example", ip: STRANGER_IP }))).toEqual({
      spf: "none",
      dkim: ["202602r pass augustin.ai", "202602e pass augustin.ai"],
      dmarc: "pass",
      policy: "reject",
    });
  });

  it.each([RSA_KEY, ED25519_KEY])("passes with the signature of $selector alone", async (key) => {
    const result = verdict(await receive(await signed(key), { sender: "", ip: STRANGER_IP }));
    expect(result).toMatchObject({ dkim: [`${key.selector} pass augustin.ai`], dmarc: "pass" });
  });

  it("passes SPF, DKIM and DMARC for what Resend sends", async () => {
    const message = await signed({ selector: "resend", privateKey: relay.privateKey });
    expect(verdict(await receive(message))).toEqual({
      spf: "pass",
      dkim: ["resend pass augustin.ai"],
      dmarc: "pass",
      policy: "reject",
    });
  });

  it("passes DMARC on the return path alone", async () => {
    expect(verdict(await receive(MESSAGE))).toMatchObject({ spf: "pass", dkim: [" none unaligned"], dmarc: "pass" });
  });

  it.each([
    ["unsigned, from a stranger's address", undefined, `root@${DOMAIN}`],
    ["unsigned, with Resend's return path", undefined, `bounces@send.${DOMAIN}`],
    ["signed with a stranger's key", { selector: "resend", privateKey: stranger.privateKey }, "x@stranger.example"],
  ])("has a forged message rejected: %s", async (_, signer, sender) => {
    const message = signer === undefined ? MESSAGE : await signed(signer);
    const result = verdict(await receive(message, { sender, ip: STRANGER_IP }));
    expect(result).toMatchObject({ dmarc: "fail", policy: "reject" });
    expect(result.spf).not.toBe("pass");
  });

  it("has a changed message rejected", async () => {
    const message = (await signed(RSA_KEY, ED25519_KEY)).replace("Hello.\r\n", "Pay me.\r\n");
    expect(verdict(await receive(message, { sender: "", ip: STRANGER_IP }))).toMatchObject({
      dmarc: "fail",
      policy: "reject",
    });
  });

  it("finds exactly one SPF at the domain, and a second one breaks it", async () => {
    const spf = records.filter(
      ({ name, data }) => name === DOMAIN && data.type === "TXT" && /^v=spf1\b/.test(data.text),
    );
    expect(spf).toHaveLength(1);
    const sender = `root@${DOMAIN}`;
    expect(verdict(await receive(MESSAGE, { sender, ip: "203.0.113.9" })).spf).toBe("pass");
    expect(verdict(await receive(MESSAGE, { sender, ip: "203.0.113.9", given: [...records, ...spf] })).spf).toBe(
      "permerror",
    );
  });

  it("notices a public key that is another's", async () => {
    const broken = records.map((record) =>
      record.name.startsWith("202602r.")
        ? {
            ...record,
            data: { type: "TXT" as const, text: `v=DKIM1; k=rsa; p=${spki(stranger.publicKey).toString("base64")}` },
          }
        : record,
    );
    const message = await signed(RSA_KEY);
    expect(verdict(await receive(message, { sender: "", ip: STRANGER_IP, given: broken }))).toMatchObject({
      dmarc: "fail",
    });
  });
});

/** As https://mta-sts.mx.cloudflare.net/.well-known/mta-sts.txt is documented. */
const MTA_STS_POLICY = "version: STSv1\nmode: enforce\nmx: *.mx.cloudflare.net\nmax_age: 86400\n";

describe("the MTA-STS policy of Email Routing", () => {
  const policy = parsePolicy(MTA_STS_POLICY, { strict: true });

  it.each([
    ["augustin.ai", augustin()],
    ["example.co.uk", further()],
  ])("covers each MX of %s", (domain, settings) => {
    const exchangers = mailRecords(settings).flatMap(({ name, data }) =>
      name === domain && data.type === "MX" ? [data.target] : [],
    );
    expect(exchangers).toHaveLength(3);
    for (const exchanger of exchangers) expect(validateMx(exchanger, policy)).toMatchObject({ valid: true });
    expect(validateMx("mx.stranger.example", policy)).toMatchObject({ valid: false });
  });
});
