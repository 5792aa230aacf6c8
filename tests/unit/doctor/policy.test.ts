import { generateKeyPairSync } from "node:crypto";

import type { DnsAnswer } from "../../../ops/doctor/context";
import { dkimFaults } from "../../../ops/doctor/policy/dkim";
import { dmarcFaults, tlsReportFaults } from "../../../ops/doctor/policy/dmarc";
import { announcementFaults, covers, readPolicy } from "../../../ops/doctor/policy/mta-sts";
import { spfCost } from "../../../ops/doctor/policy/spf";

test.each([
  ["v=DMARC1; p=reject", []],
  ["v=DMARC1;p=none;rua=mailto:a@example.com,mailto:b@example.org!10m;", []],
  ["v=DMARC1; p=none; unknown=1", []],
  ["v=DMARC1", ["it has no policy (p)"]],
  ["p=reject; v=DMARC1", ["it does not begin with v=DMARC1;"]],
  ["v=DMARC1; p=reject; p=none", ["it is no list of tags, or has one twice"]],
  ["v=DMARC1; p=reject; adkim=x", ["adkim=x is no value of adkim"]],
  ["v=DMARC1; p=reject; rua=a@example.com", ["rua has a@example.com, which is no mailto address"]],
])("DMARC %s", (text, faults) => {
  expect(dmarcFaults(text)).toEqual(faults);
});

test.each([
  ["v=TLSRPTv1; rua=mailto:a@example.com", 0],
  ["v=TLSRPTv1;rua=https://example.com/v1", 0],
  ["v=TLSRPTv1", 1],
  ["v=TLSRPTv1; rua=a@example.com", 1],
])("TLSRPT %s", (text, count) => {
  expect(tlsReportFaults(text)).toHaveLength(count);
});

const key = (modulusLength: number) =>
  generateKeyPairSync("rsa", { modulusLength }).publicKey.export({ type: "spki", format: "der" }).toString("base64");
const SHORT = key(1024);
const EC = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "der" });

test.each<[string, string, number, readonly string[]]>([
  ["as Resend writes it", `p=${SHORT}`, 1024, []],
  ["too short for a signer", `v=DKIM1; k=rsa; p=${SHORT}`, 2048, ["its RSA key has 1024 bits, fewer than 2048"]],
  ["Ed25519", `v=DKIM1; k=ed25519; p=${Buffer.alloc(32).toString("base64")}`, 2048, []],
  ["revoked", "v=DKIM1; p=", 1024, ["its key is revoked (p is empty)"]],
  ["no key", "v=DKIM1; k=rsa", 1024, ["it has no key (p)"]],
  ["another kind", "k=dsa; p=AAAA", 1024, ["k=dsa is no kind of key that verifiers know"]],
  ["an EC key", `p=${EC.toString("base64")}`, 1024, ["its key is no RSA key"]],
  ["rubbish", "p=AAAA", 1024, ["its key cannot be read"]],
  ["only sha1", `h=sha1; p=${SHORT}`, 1024, ["h does not allow sha256"]],
  ["testing", `t=y:s; p=${SHORT}`, 1024, ["t=y says that the domain only tries DKIM"]],
  ["version not first", `k=rsa; v=DKIM1; p=${SHORT}`, 1024, ["v is not the first tag"]],
])("DKIM: %s", (_, text, bits, faults) => {
  expect(dkimFaults(text, bits)).toEqual(faults);
});

test("MTA-STS", () => {
  expect(announcementFaults("v=STSv1; id=20260101T000000;")).toEqual([]);
  expect(announcementFaults("v=STSv1; id=")).toHaveLength(1);
  expect(announcementFaults("v=STSv1; id=a-b")).toHaveLength(1);
  const policy = readPolicy(
    "version: STSv1\r\nmode: enforce\r\nmx: *.MX.example.com\r\nmx: a.example.org\r\nmax_age: 604800\r\n",
  );
  if (typeof policy === "string") throw new Error(policy);
  expect(policy).toEqual({ mode: "enforce", maxAge: 604_800, mx: ["*.mx.example.com", "a.example.org"] });
  expect(["x.mx.example.com", "a.example.org"].map((host) => covers(policy, host))).toEqual([true, true]);
  expect(["mx.example.com", "y.x.mx.example.com", "b.example.org"].map((host) => covers(policy, host))).toEqual([
    false,
    false,
    false,
  ]);
  expect(readPolicy("version: STSv1\nmode: off\nmax_age: 86400\n")).toBe("its mode is off");
});

/** RFC 7208 section 4.6.4, with records of our own. */
const TEXTS: Readonly<Record<string, string>> = {
  "one.example": "v=spf1 ip4:192.0.2.1 -all",
  "two.example": "v=spf1 include:one.example include:one.example -all",
  "loop.example": "v=spf1 include:loop.example -all",
  "odd.example": "v=spf1 ipv4:192.0.2.1 -all",
};

async function resolve(name: string, type: string): Promise<DnsAnswer> {
  const value = type === "TXT" ? TEXTS[name] : name === "host.example" ? "192.0.2.1" : undefined;
  const records = value === undefined ? [] : [{ name, type: "TXT" as const, ttl: 1, value }];
  return Promise.resolve({
    code: "NOERROR",
    authoritative: false,
    authenticated: false,
    records,
    alias: undefined,
    referral: [],
  });
}

test.each<[string, number, number, RegExp | undefined]>([
  ["v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all", 0, 0, undefined],
  ["v=spf1 a:host.example mx:host.example ptr exists:host.example -all", 4, 0, undefined],
  ["v=spf1 include:two.example -all", 3, 0, undefined],
  ["v=spf1 redirect=one.example", 1, 0, undefined],
  ["v=spf1 a mx/24 -all", 2, 2, undefined],
  ["v=spf1 exists:%{i}.example -all", 1, 0, undefined],
  ["v=spf1 include:none.example -all", 1, 1, /none\.example has no SPF record/],
  ["v=spf1 include:odd.example -all", 1, 0, /ipv4:192\.0\.2\.1 .* is no term of SPF/],
  ["v=spf1 include:loop.example -all", 11, 0, /includes itself/],
])("SPF %s", async (text, lookups, voids, fault) => {
  const cost = await spfCost("example.com", text, resolve);
  expect([cost.lookups, cost.voids]).toEqual([lookups, voids]);
  expect(cost.faults.join("; ")).toMatch(fault ?? /^$/);
});
