import fc from "fast-check";
import { mailRecords } from "../../../infra/dns/records";
import { unquoteTxt, quoteTxt } from "../../../infra/dns/txt";
import type { MailRecord } from "../../../infra/dns/record";
import type { ResendRecord, Service, Settings } from "../../../infra/settings/settings";
import { augustin, further } from "./fixtures";

const SERVICES: Service[] = ["jmap", "caldavs", "carddavs", "imaps", "submissions", "submission", "sieve"];

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
const host = fc.tuple(label, label).map(([a, b]) => `${a}.${b}.example`);

/** One record of Resend; names start with `x-`, so that they never meet a name of the deployment itself. */
const resendRecord: fc.Arbitrary<ResendRecord> = fc.oneof(
  fc.record({
    record: fc.constant("SPF"),
    type: fc.constant("MX" as const),
    name: label.map((name) => `x-m-${name}`),
    value: host,
    priority: fc.integer({ min: 0, max: 65_535 }),
  }),
  fc.record({
    record: fc.constant("SPF"),
    type: fc.constant("TXT" as const),
    name: label.map((name) => `X-t-${name}`),
    value: fc.oneof(host, fc.constant("v=spf1 -all")),
  }),
  fc.record({
    record: fc.constant("DKIM"),
    type: fc.constant("CNAME" as const),
    name: label.map((name) => `x-c-${name}._domainkey`),
    value: host.map((name) => `${name}.`),
  }),
);

/** What the settings refuse: a second CNAME or TXT at a name, the same MX twice. */
function identity({ type, name, value, priority }: ResendRecord): string {
  return [type, name.toLowerCase(), ...(type === "MX" ? [value, priority] : [])].join(" ");
}

const settings: fc.Arbitrary<Settings> = fc
  .record({
    base: fc.constantFrom(augustin, further),
    services: fc.subarray(SERVICES),
    caaIssuers: fc.uniqueArray(host, { maxLength: 4 }),
    records: fc.uniqueArray(resendRecord, { selector: identity, maxLength: 6 }),
  })
  .map(({ base, services, caaIssuers, records }) =>
    base({ services, caaIssuers, resend: { ...base().resend, records } }),
  );

const keysOf = (given: Settings): string[] => mailRecords(given).map(({ key }) => key);
const content = ({ name, data }: MailRecord): string => JSON.stringify([name, data]);

describe("keys of records", () => {
  it("are unique", () => {
    fc.assert(
      fc.property(settings, (given) => {
        const keys = keysOf(given);
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });

  it("stay when a service is added", () => {
    fc.assert(
      fc.property(settings, fc.constantFrom(...SERVICES), (given, service) => {
        const services = [...new Set([...given.services, service])];
        expect(keysOf({ ...given, services })).toEqual(keysOf(given));
      }),
    );
  });

  it("stay when an issuer or a record of Resend is added anywhere", () => {
    fc.assert(
      fc.property(settings, host, resendRecord, fc.nat(), (given, issuer, record, at) => {
        fc.pre(!given.resend.records.some((other) => identity(other) === identity(record)));
        fc.pre(given.caaIssuers.length > 0 && !given.caaIssuers.includes(issuer));
        const before = new Map(mailRecords(given).map((item) => [content(item), item.key]));
        const more = {
          ...given,
          caaIssuers: given.caaIssuers.toSpliced(at % given.caaIssuers.length, 0, issuer),
          resend: { ...given.resend, records: given.resend.records.toSpliced(at, 0, record) },
        };
        const after = new Map(mailRecords(more).map((item) => [content(item), item.key]));
        expect(after.size).toBe(before.size + 2);
        for (const [item, key] of before) expect(after.get(item)).toBe(key);
      }),
    );
  });

  it("do not depend on the order of the settings", () => {
    fc.assert(
      fc.property(settings, (given) => {
        const turned = {
          ...given,
          services: given.services.toReversed(),
          caaIssuers: given.caaIssuers.toReversed(),
          resend: { ...given.resend, records: given.resend.records.toReversed() },
        };
        expect(mailRecords(turned)).toEqual(mailRecords(given));
      }),
    );
  });
});

describe("every record", () => {
  const NAME = /^(?!.*\.\.)(?=.{1,253}$)[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?$/;

  it("has a lower-case FQDN in its zone, no wildcard, a sentence, and a TTL that Cloudflare takes", () => {
    fc.assert(
      fc.property(settings, (given) => {
        for (const record of mailRecords(given)) {
          expect(record.name).toMatch(NAME);
          expect(record.name === record.zone || record.name.endsWith(`.${record.zone}`)).toBe(true);
          expect(record.why).toMatch(/^[A-Z][\x20-\x7e]{20,}[a-z)]\.$/);
          if (record.proxied) expect(record.ttl).toBe(1);
          if ("target" in record.data && typeof record.data.target === "string" && record.data.target !== ".") {
            expect(record.data.target).toMatch(NAME);
          }
          if (record.data.type === "TXT") expect(unquoteTxt(quoteTxt(record.data.text))).toBe(record.data.text);
        }
      }),
    );
  });

  it("leaves the zone with exactly one SPF at its top and every CNAME alone at its name", () => {
    fc.assert(
      fc.property(settings, (given) => {
        const records = mailRecords(given);
        const spf = records.filter(
          ({ name, data }) => name === given.domain && data.type === "TXT" && /^v=spf1( |$)/i.test(data.text),
        );
        expect(spf.map(({ owner }) => owner)).toEqual(["email-routing"]);
        const aliases = records.filter(({ data }) => data.type === "CNAME");
        for (const alias of aliases) expect(records.filter(({ name }) => name === alias.name)).toEqual([alias]);
      }),
    );
  });
});
