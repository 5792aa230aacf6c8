import { caaChecks } from "../../../ops/doctor/checks/caa";
import type { Context, DnsAnswer } from "../../../ops/doctor/context";
import { deploymentOf } from "../../../ops/doctor/examine";
import { documentedSettings } from "../../../tools/records";

const SETTINGS = documentedSettings();
const DOMAIN = SETTINGS.domain;

/** What the check says where the zone has these CAA records and its websites show certificates of these organisations. */
async function judged(
  values: readonly string[],
  issuers: Readonly<Record<string, string>>,
  caaIssuers: readonly string[],
) {
  const deployment = deploymentOf("prod", { ...SETTINGS, caaIssuers });
  const server = { name: "ada.ns.cloudflare.com", address: "192.0.2.53" };
  const records = values.map((value) => ({ name: DOMAIN, type: "CAA" as const, ttl: 300, value }));
  const answer: DnsAnswer = {
    ...{ code: "NOERROR", authoritative: true, authenticated: false, records, alias: undefined, referral: [] },
  };
  const dns = {
    delegation: () => Promise.resolve({ parent: "ai", names: [server.name], servers: [server], ds: [] }),
    ask: () => Promise.resolve(answer),
  };
  const certificate = (hostname: string) => {
    const issuer = issuers[hostname];
    if (issuer === undefined) return Promise.reject(new Error("nobody listens"));
    return Promise.resolve({ notAfter: new Date(), names: [], issuer, fault: undefined });
  };
  const context = { deployment, dns, net: { certificate } } as unknown as Context;
  return await caaChecks(deployment)[0]?.run(context);
}

const OURS = ["0 issue letsencrypt.org", "0 issue pki.goog"];

test("no record lets every authority issue, whoever issued for the websites", async () => {
  expect(await judged([], { [DOMAIN]: "DigiCert Inc" }, [])).toMatchObject({
    status: "ok",
    current: "no record, so every authority may",
  });
});

test("records that leave out a website's authority are an error before its certificate runs out", async () => {
  expect(await judged(OURS, { [`www.${DOMAIN}`]: "DigiCert Inc" }, ["letsencrypt.org", "pki.goog"])).toMatchObject({
    status: "error",
    current: "digicert.com may not",
    remedy: expect.stringMatching(
      /^Set mail:caaIssuers to digicert\.com, letsencrypt\.org, pki\.goog, or delete/,
    ) as unknown,
  });
});

test("records of somebody else that leave out the host's authority are one too", async () => {
  expect(await judged(["0 issue sectigo.com"], {}, [])).toMatchObject({
    status: "error",
    current: "letsencrypt.org may not",
  });
});

test("records that name all that are used are fine, and an authority that is not known says nothing", async () => {
  const websites = { [DOMAIN]: "Let's Encrypt", [`www.${DOMAIN}`]: "A Small Authority" };
  expect(await judged(OURS, websites, ["letsencrypt.org", "pki.goog"])).toMatchObject({ status: "ok" });
});
