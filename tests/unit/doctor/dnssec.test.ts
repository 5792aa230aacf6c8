import type { Answer, DnskeyData } from "dns-packet";

import { checksOf } from "../../../ops/doctor/checks";
import type { Context } from "../../../ops/doctor/context";
import type { SignedSet } from "../../../ops/doctor/dns/dnssec";
import { dnsRecord } from "../../../ops/doctor/dns/value";
import { deploymentOf } from "../../../ops/doctor/examine";
import { dsOf, newKey, signature } from "../../doctor/dns/signing";
import { labZone, type ZoneKey } from "../../doctor/dns/zone";
import { augustin } from "../dns/fixtures";

/** A zone with two keys, of which the registry knows one: the labs' zones have one key only. */
const ZONE = "augustin.ai";
const known = newKey();
const other = newKey();
const zone = labZone(ZONE, [], () => []);
const deployment = deploymentOf("prod", augustin());
const check = checksOf(deployment).find(({ id }) => id === "dnssec.signatures");

function setOf(type: string, records: readonly Answer[], signers: readonly ZoneKey[]): SignedSet {
  const signatures = signers.flatMap((key) => {
    const answer = signature(zone, key, records);
    return answer.type === "RRSIG" ? [answer.data] : [];
  });
  return { name: ZONE, type, records, signatures };
}

const keys = [known, other].map(({ data }): Answer => ({
  type: "DNSKEY",
  name: ZONE,
  ttl: 300,
  data: withFlags(data),
}));
const mx: Answer = { type: "MX", name: ZONE, ttl: 300, data: { preference: 10, exchange: "mx.example.net" } };
const soa: Answer = {
  ...{ type: "SOA", name: ZONE, ttl: 300 },
  data: { mname: "a.example", rname: "b.example", serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 },
};

function withFlags(data: DnskeyData): DnskeyData {
  return { ...data, flags: 257 };
}

test.each([
  ["the keys are signed by the one that the registry knows, all else by the other", [known], [other], "ok"],
  ["the keys are signed by both", [known, other], [other], "ok"],
  ["the keys are signed by the unknown one alone", [other], [known], "error"],
  ["the MX is signed by nobody", [known], [], "error"],
])("%s", async (_, ofKeys, ofOthers, status) => {
  const sets: Readonly<Record<string, SignedSet>> = {
    DNSKEY: setOf("DNSKEY", keys, ofKeys),
    SOA: setOf("SOA", [soa], [known]),
    MX: setOf("MX", [mx], ofOthers),
  };
  const dns = {
    delegation: () =>
      Promise.resolve({
        ...{ parent: "ai", names: ["ns"], servers: [{ name: "ns", address: "192.0.2.1" }] },
        ds: [dnsRecord(dsOf(ZONE, known))],
      }),
    signed: (_server: unknown, _name: string, type: string) => Promise.resolve(sets[type]),
  };
  const finding = await check?.run({ deployment, now: new Date(), dns } as unknown as Context);
  expect(finding?.status).toBe(status);
});
