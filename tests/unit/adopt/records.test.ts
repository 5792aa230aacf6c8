import fc from "fast-check";

import type { LiveRecord } from "../../../ops/adopt/live";
import { judgeRest, matchRecords, refusedMx } from "../../../ops/adopt/records";
import type { Wanted } from "../../../ops/adopt/wanted";
import { live, wantedRecord, ZONE } from "./fixtures";

const NO_IDS = new Map();

const dmarc = wantedRecord("_dmarc", "TXT", { content: '"v=DMARC1; p=reject"' });
const note = wantedRecord("note", "TXT", { content: '"ours"' });
const imaps = wantedRecord("_imaps._tcp", "SRV", {
  ...{ priority: 0, data: { priority: 0, weight: 1, port: 993, target: "mail.example.org" } },
});
const caa = wantedRecord("@", "CAA", { data: { flags: 0, tag: "issue", value: "letsencrypt.org" } });
const cname = wantedRecord("autoconfig", "CNAME", { content: "mail.example.org", proxied: true, ttl: 1 });
const bounces = wantedRecord("send", "MX", { content: "feedback.example.net", priority: 10 });

const srv = (port: number, more: Partial<LiveRecord> = {}) =>
  live("s1", "_imaps._tcp", "SRV", `1 ${port} mail.example.org`, {
    ...{ priority: 0, data: { priority: 0, weight: 1, port, target: "mail.example.org" } },
    ...more,
  });

/** What became of one wanted record beside some live ones: the id, and the properties that differ. */
function fate(each: Wanted, ...records: readonly LiveRecord[]): string {
  const { adopted, created } = matchRecords([each], records, NO_IDS);
  const [only] = adopted;
  if (!only) return created.length === 1 ? "created" : "lost";
  const how = only.replaced === undefined ? "" : " replaced";
  return `${only.importId}${how} ${only.differences.map(({ property }) => property).join(",")}`.trim();
}

test.each<[string, string, Wanted, readonly LiveRecord[]]>([
  ["nothing there", "created", dmarc, []],
  ["the same value", "z1/d1", dmarc, [live("d1", "_dmarc", "TXT", '"v=DMARC1; p=reject"', { comment: "why" })]],
  ["without a comment", "z1/d1 comment", dmarc, [live("d1", "_dmarc", "TXT", '"v=DMARC1; p=reject"')]],
  ["another value", "z1/d1 comment,content", dmarc, [live("d1", "_dmarc", "TXT", '"v=DMARC1; p=none"')]],
  ["without quotes", "z1/d1 comment,content", dmarc, [live("d1", "_dmarc", "TXT", "v=DMARC1; p=reject")]],
  [
    "the same text cut elsewhere",
    "z1/d1 comment,content",
    dmarc,
    [live("d1", "_dmarc", "TXT", '"v=DMARC1;" " p=reject"')],
  ],
  ["another text at the name", "created", dmarc, [live("d1", "_dmarc", "TXT", '"a note"')]],
  ["a text of no known purpose", "created", note, [live("d1", "note", "TXT", '"somebody else\'s"')]],
  ["another name", "created", dmarc, [live("d1", "_dmarc.sub", "TXT", '"v=DMARC1; p=reject"')]],
  ["another zone", "created", dmarc, [live("d1", "_dmarc", "TXT", '"v=DMARC1; p=reject"', { zoneId: "z2" })]],
  ["locked", "created", dmarc, [live("d1", "_dmarc", "TXT", '"v=DMARC1; p=reject"', { locked: true })]],
  ["SRV", "z1/s1 comment", imaps, [srv(993)]],
  [
    "SRV with numbers as text",
    "z1/s1 comment",
    imaps,
    [srv(993, { data: { priority: "0", weight: "1", port: "993", target: "mail.example.org" } })],
  ],
  ["SRV with another port", "z1/s1 comment,data", imaps, [srv(143)]],
  [
    "CAA",
    "z1/c1 comment",
    caa,
    [live("c1", "@", "CAA", "", { data: { flags: 0, tag: "issue", value: "letsencrypt.org" } })],
  ],
  [
    "CAA with another flag",
    "z1/c1 comment,data",
    caa,
    [live("c1", "@", "CAA", "", { data: { flags: 128, tag: "issue", value: "letsencrypt.org" } })],
  ],
  [
    "CAA of another authority",
    "created",
    caa,
    [live("c1", "@", "CAA", "", { data: { flags: 0, tag: "issue", value: "pki.goog" } })],
  ],
  [
    "CNAME elsewhere",
    "z1/n1 ttl,comment,content,proxied",
    cname,
    [live("n1", "autoconfig", "CNAME", "old.example.net")],
  ],
  [
    "an address instead of a CNAME",
    "z1/n1 replaced type,ttl,comment,content,proxied",
    cname,
    [live("n1", "autoconfig", "A", "192.0.2.1")],
  ],
  ["MX, whose comment stays", "z1/m1", bounces, [live("m1", "send", "MX", "feedback.example.net", { priority: 10 })]],
  [
    "MX with the dashboard's TTL",
    "z1/m1",
    bounces,
    [live("m1", "send", "MX", "feedback.example.net", { priority: 10, ttl: 1 })],
  ],
  [
    "MX with a final dot beside another",
    "z1/m2 content",
    bounces,
    [
      live("m1", "send", "MX", "other.example.net", { priority: 10 }),
      live("m2", "send", "MX", "Feedback.example.net.", { priority: 10 }),
    ],
  ],
  [
    "MX with another priority",
    "z1/m1 priority",
    bounces,
    [live("m1", "send", "MX", "feedback.example.net", { priority: 20 })],
  ],
])("%s: %s", (_, expected, each, records) => {
  expect(fate(each, ...records)).toBe(expected);
});

test("prefers the record that is right to one that is wrong, whatever the order", () => {
  const records = [
    live("no", "_dmarc", "TXT", '"v=DMARC1; p=none"'),
    live("yes", "_dmarc", "TXT", '"v=DMARC1; p=reject"'),
  ];
  expect(fate(dmarc, ...records)).toBe("z1/yes comment");
  expect(fate(dmarc, ...[...records].reverse())).toBe("z1/yes comment");
});

test("no live record becomes two resources, none is lost, and a locked or foreign one is never taken", () => {
  const all = [dmarc, imaps, caa, cname, bounces];
  const some = fc.constantFrom(
    live("", "_dmarc", "TXT", '"v=DMARC1; p=none"'),
    live("", "_dmarc", "TXT", '"v=DMARC1; p=reject"', { locked: true }),
    srv(993),
    srv(143),
    live("", "autoconfig", "A", "192.0.2.1"),
    live("", "send", "MX", "other.example.net", { priority: 5 }),
    live("", "www", "A", "192.0.2.1"),
    live("", "@", "TXT", '"a note"'),
  );
  fc.assert(
    fc.property(fc.array(some, { maxLength: 12 }), (drawn) => {
      const records = drawn.map((record, nth) => ({ ...record, id: String(nth) }));
      const { adopted, created, rest } = matchRecords(all, records, NO_IDS);
      const taken = adopted.map(({ id }) => id);
      expect(new Set(taken).size).toBe(taken.length);
      expect([...taken, ...rest.map(({ id }) => id)].sort()).toEqual(records.map(({ id }) => id).sort());
      expect(adopted.length + created.length).toBe(all.length);
      for (const id of taken) {
        const record = records[Number(id)];
        expect(record?.locked).toBe(false);
        expect(record?.name.startsWith("www.") || record?.content === '"a note"').toBe(false);
      }
    }),
  );
});

describe("what is left", () => {
  const why = (record: LiveRecord, { routing = true, beside = [] as readonly LiveRecord[] } = {}) => {
    const all = [dmarc, imaps, caa, cname, bounces];
    const { inTheWay, left } = judgeRest([record, ...beside], all, NO_IDS, [{ ...ZONE, routing }]);
    expect(inTheWay.length + left.length).toBe(1 + beside.length);
    return inTheWay[0]?.why ?? left[0]?.why ?? "left alone";
  };
  const ourSpf = live("spf", "@", "TXT", '"v=spf1 include:_spf.mx.cloudflare.net ~all"', { locked: true });

  test.each<[LiveRecord, RegExp]>([
    [live("1", "www", "A", "192.0.2.1"), /^left alone$/],
    [live("1", "@", "TXT", '"google-site-verification=x"'), /^left alone$/],
    [live("1", "_dmarc", "TXT", '"a note"'), /^left alone$/],
    [live("1", "@", "CAA", "", { data: { flags: 0, tag: "issue", value: "sectigo.com" } }), /^left alone$/],
    [live("1", "news", "MX", "mx.example.net", { priority: 1 }), /^left alone$/],
    [live("1", "_dmarc", "TXT", '"v=DMARC1; p=none"'), /count as none/],
    [live("1", "_dmarc", "CNAME", "dmarc.example.net"), /81053/],
    [live("1", "send", "CNAME", "bounces.example.net", { ttl: 1, proxied: true }), /^left alone$/],
    [live("1", "send", "CNAME", "bounces.example.net", { flattened: true }), /^left alone$/],
    [live("1", "send", "CNAME", "bounces.example.net"), /81053/],
    [live("1", "@", "CNAME", "site.pages.dev", { ttl: 1, proxied: true }), /^left alone$/],
    [live("1", "@", "CNAME", "site.example.net"), /^left alone$/],
    [live("1", "autoconfig", "TXT", '"x"'), /^left alone$/],
    [live("1", "autoconfig", "HTTPS", "1 . alpn=h2"), /^left alone$/],
    [live("1", "autoconfig", "AAAA", "2001:db8::1"), /81053/],
    [live("1", "autoconfig", "AAAA", "100::", { locked: true }), /custom domain/],
    [live("1", "photos", "AAAA", "100::", { locked: true }), /another of Cloudflare's services/],
    [live("1", "*", "CNAME", "site.example.net", { ttl: 1, proxied: true }), /^left alone$/],
    [live("1", "@", "NS", "ns1.example.net"), /^left alone$/],
    [live("1", "other", "NS", "ns1.example.net"), /^left alone$/],
    [live("1", "send", "NS", "ns1.example.net"), /delegates send\.example\.org/],
    [live("1", "_tcp", "NS", "ns1.example.net"), /SRV _imaps\._tcp\.example\.org/],
    [live("1", "send", "MX", "mx.example.net", { priority: 10 }), /go there too/],
    [live("1", "_imaps._tcp", "SRV", "1 143 old.example.org"), /go there too/],
    [ourSpf, /Email Routing writes/],
  ])("%j", (record, expected) => {
    expect(why(record)).toMatch(expected);
  });

  test("an MX of another service keeps Email Routing from being switched on", () => {
    const other = live("1", "@", "MX", "mx.example.net", { priority: 1 });
    expect(why(other, { routing: false })).toMatch(/cannot be switched on/);
  });

  test("an SPF of somebody is replaced when Email Routing is switched on, and one too many when it is on", () => {
    const theirs = live("1", "@", "TXT", '"v=spf1 include:example.net ~all"');
    expect(why(theirs, { routing: false })).toMatch(/its own SPF/);
    expect(why(theirs, { beside: [ourSpf] })).toMatch(/two SPF/);
    expect(why(theirs)).toBe("left alone");
  });

  test("an SPF of Email Routing that somebody unlocked is no reason to keep a second one", () => {
    const unlocked = live("spf", "@", "TXT", '"v=spf1 include:_spf.mx.cloudflare.net ~all"');
    const theirs = live("1", "@", "TXT", '"v=spf1 include:example.net ~all"');
    expect(why(theirs, { beside: [unlocked] })).toMatch(/two SPF/);
    expect(why(unlocked)).toBe("left alone");
  });

  test("an MX that is missing or wrong while Email Routing is on is told, since up would fail at it", () => {
    const missing = matchRecords([bounces], [], NO_IDS);
    const wrong = matchRecords([bounces], [live("m1", "send", "MX", "feedback.example.net", { priority: 20 })], NO_IDS);
    const right = matchRecords([bounces], [live("m1", "send", "MX", "feedback.example.net", { priority: 10 })], NO_IDS);
    for (const found of [missing, wrong]) expect(refusedMx(found, [ZONE])).toMatchObject([{ why: /890190/ }]);
    expect(refusedMx(right, [ZONE])).toEqual([]);
    expect(refusedMx(missing, [{ ...ZONE, routing: false }])).toEqual([]);
  });
});
