import fc from "fast-check";
import type { AggregateReport, AggregateRow, Report, TlsReport } from "../../../ops/reports/report";
import type { Reading, Sender, Source, Summary } from "../../../ops/reports/summary";
import { Tally } from "../../../ops/reports/tally";

const SENDER: Sender = {
  domain: "example.org",
  selectors: ["202611r", "resend"],
  envelopes: ["send.example.org"],
  exchangers: ["mx.carrier.example"],
  policy: "reject",
};
const WHOLE: Reading = {
  otherMails: 0,
  unreadable: 0,
  unread: [],
  partial: 0,
  partlyRead: [],
  limit: undefined,
};
const ROW: AggregateRow = {
  sourceIp: "192.0.2.7",
  count: 1,
  disposition: "none",
  dkimAligned: false,
  spfAligned: false,
  reasons: [],
  headerFrom: "example.org",
  dkim: [],
  spf: [],
};

function report(rows: readonly AggregateRow[], instead: Partial<AggregateReport> = {}): AggregateReport {
  const time = { begin: new Date(0), end: new Date(86_399_000) };
  return {
    kind: "dmarc",
    reporter: "r.example",
    id: "1",
    domain: "example.org",
    policy: "reject",
    contact: undefined,
    gaps: [],
    rows,
    ...time,
    ...instead,
  };
}

function summarise(reports: readonly Report[], sender: Sender, reading = WHOLE): Summary {
  const tally = new Tally(sender);
  for (const each of reports) tally.add(each);
  return tally.summary(reading);
}

function sole(row: Partial<AggregateRow>, sender: Partial<Sender> = {}): Source {
  const { sources } = summarise([report([{ ...ROW, ...row }])], { ...SENDER, ...sender });
  expect(sources).toHaveLength(1);
  return sources[0] as Source;
}

const key = (selector: string, result = "pass", domain = "example.org") => [{ domain, selector, result }];
const envelope = (domain: string, result = "pass") => [{ domain, result }];

describe("a source", () => {
  it.each<[string, Partial<AggregateRow>, Partial<Source>]>([
    ["the relay's key", { dkimAligned: true, dkim: key("resend") }, { kind: "own", name: "key resend" }],
    ["Stalwart's key", { dkimAligned: true, dkim: key("202611r") }, { kind: "own", name: "key 202611r" }],
    [
      "the own envelope while the signature fails",
      { spfAligned: true, dkim: key("resend", "fail"), spf: envelope("send.example.org") },
      { kind: "own", name: "send.example.org", dkimPassed: 0 },
    ],
    ["a key nobody here knows", { dkimAligned: true, dkim: key("k1") }, { kind: "aligned", name: "key k1" }],
    [
      "the bare domain's envelope",
      { spfAligned: true, spf: envelope("example.org") },
      { kind: "aligned", name: "example.org" },
    ],
    [
      "a list that kept the signature",
      { dkimAligned: true, dkim: key("resend"), spf: envelope("bounces.list.example") },
      { kind: "forwarded", name: "list.example", passed: 1 },
    ],
    [
      "a relay that is known by its greeting only",
      { dkimAligned: true, dkim: key("resend"), spf: [{ domain: "mta.relay.example", result: "pass", scope: "helo" }] },
      { kind: "own", name: "key resend" },
    ],
    [
      "a stranger whose greeting passes",
      { spf: [{ domain: "send.example.org", result: "pass", scope: "helo" }] },
      { kind: "forged", name: "192.0.2.0/24" },
    ],
    ["a row without an address", { sourceIp: "" }, { kind: "forged", name: "(no address)" }],
    [
      "a list that broke it",
      { dkim: key("resend", "fail"), spf: envelope("bounces.list.example") },
      { kind: "forwarded", name: "list.example", passed: 0 },
    ],
    ["what the receiver calls forwarded", { reasons: ["mailing_list"] }, { kind: "forwarded", name: "192.0.2.0/24" }],
    [
      "a newsletter service",
      { dkim: key("s", "pass", "mail.news.example") },
      { kind: "foreign", name: "news.example" },
    ],
    ["a forger with SPF of his own", { spf: envelope("evil.example") }, { kind: "foreign", name: "evil.example" }],
    [
      "a forger with the own envelope",
      { spf: envelope("send.example.org", "fail") },
      { kind: "forged", name: "192.0.2.0/24" },
    ],
    ["a forger over IPv6", { sourceIp: "2001:db8:7:1::5" }, { kind: "forged", name: "2001:db8:7::/48" }],
    ["a short IPv6 address", { sourceIp: "2001:db8::5" }, { kind: "forged", name: "2001:db8:0::/48" }],
    ["no address at all", { sourceIp: "<b>" }, { kind: "forged", name: "<b>" }],
    [
      "a domain that only ends alike",
      { dkim: key("resend", "pass", "notexample.org") },
      { kind: "foreign", name: "notexample.org" },
    ],
  ])("is told by what authenticates: %s", (_, row, wanted) => {
    expect(sole(row)).toMatchObject(wanted);
  });

  it("that forges gets advice after the policy", () => {
    expect(sole({}).advice).toContain("refused");
    expect(sole({}, { policy: "quarantine" }).advice).toContain("put aside");
    expect(sole({}, { policy: "none" }).advice).toContain("lets it through");
  });

  it("of the own whose signature fails leads to the records", () => {
    expect(sole({ spfAligned: true, spf: envelope("send.example.org") }).advice).toContain("npm run zone");
    expect(
      sole({ dkimAligned: true, spfAligned: true, dkim: key("resend"), spf: envelope("send.example.org") }).advice,
    ).toBe("Nothing to do.");
  });
});

describe("the domain's advice", () => {
  const own = { ...ROW, dkimAligned: true, dkim: key("resend") };

  it("is a stricter policy once all own mail passes, and not before", () => {
    const lenient = { ...SENDER, policy: "none" as const };
    const fails = { ...ROW, spf: envelope("send.example.org") };
    const found = (rows: readonly AggregateRow[]) =>
      summarise([report(rows, { policy: "none" })], lenient).advice.join();
    expect(found([own])).toContain("mail:dmarcPolicy reject");
    expect(found([own, fails])).not.toContain("mail:dmarcPolicy reject");
    expect(found([ROW])).not.toContain("mail:dmarcPolicy reject");
  });

  it("names a policy that receivers do not see, by the latest report", () => {
    const old = report([own], { policy: "none" });
    const latest = report([own], { id: "2", end: new Date(2e8) });
    expect(summarise([old], SENDER).advice.join()).toContain("last saw the policy none");
    expect(summarise([latest, old], SENDER).advice.join()).not.toContain("last saw");
  });

  it("concludes nothing from silence when not everything was read", () => {
    for (const reading of [
      { ...WHOLE, unreadable: 1 },
      { ...WHOLE, limit: "only the newest were looked at" },
    ]) {
      const advice = summarise([], SENDER, reading).advice.join();
      expect(advice).toContain("Not everything was");
      expect(advice).not.toMatch(/npm run zone|may be right/);
      expect(summarise([report([own])], { ...SENDER, policy: "none" }, reading).advice.join()).not.toContain(
        "stricter",
      );
    }
  });

  it("says when nothing came", () => {
    expect(summarise([], SENDER)).toMatchObject({ messages: 0, begin: undefined, sources: [] });
    expect(summarise([], SENDER).advice).toHaveLength(2);
  });
});

test("a TLS failure of a kind nobody knows is told as well", () => {
  const tls: TlsReport = {
    kind: "tls",
    ...{ reporter: "r", contact: undefined, id: "1", begin: new Date(0), end: new Date(1), gaps: [] },
    policies: [
      {
        domain: "example.org",
        ...{ type: "sts", successes: 1, failures: 2 },
        details: [{ type: "constructor", count: 2, mx: undefined }],
      },
    ],
  };
  expect(summarise([tls], SENDER).tls).toEqual({
    successes: 1,
    failures: 2,
    elsewhere: 0,
    problems: [{ type: "constructor", count: 2, mx: [], advice: "See RFC 8460 section 4.3." }],
  });
});

describe("the sums", () => {
  const domains = fc.constantFrom("example.org", "send.example.org", "list.example", "");
  const row = fc.record({
    sourceIp: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
    count: fc.nat(1_000),
    disposition: fc.constantFrom("none", "quarantine", "reject", "?"),
    dkimAligned: fc.boolean(),
    spfAligned: fc.boolean(),
    reasons: fc.constantFrom([], ["forwarded"]),
    headerFrom: domains,
    dkim: fc.array(
      fc.record({ domain: domains, selector: fc.constantFrom("resend", "x"), result: fc.constantFrom("pass", "fail") }),
      { maxLength: 2 },
    ),
    spf: fc.array(fc.record({ domain: domains, result: fc.constantFrom("pass", "fail") }), { maxLength: 1 }),
  });
  const reports = fc
    .array(fc.array(row, { maxLength: 5 }), { maxLength: 5 })
    .map((all) => all.map((rows, index) => report(rows, { id: String(index) })));

  it("lose no message, and do not depend on order or on a report that came twice", () => {
    fc.assert(
      fc.property(reports, (all) => {
        const rows = all.flatMap((each) => each.rows);
        const summary = summarise(all, SENDER);
        expect(summary.messages).toBe(rows.reduce((sum, { count }) => sum + count, 0));
        expect(summary.passed).toBe(
          rows.filter((each) => each.dkimAligned || each.spfAligned).reduce((sum, { count }) => sum + count, 0),
        );
        expect(summarise([...all].reverse(), SENDER)).toEqual(summary);
        const twice = summarise([...all, ...all], SENDER);
        expect(twice).toEqual({ ...summary, repeated: all.length });
      }),
    );
  });
});

describe("reports with one id", () => {
  const own = { ...ROW, dkimAligned: true, dkim: key("resend") };
  const range = { begin: new Date(2e8), end: new Date(3e8) };

  it.each<[string, Partial<AggregateReport>]>([
    ["of another organisation", { reporter: "other.example" }],
    ["of another period", range],
    ["about another name of the domain", { domain: "sub.example.org" }],
    ["of another policy", { policy: "none" }],
  ])("count both: %s", (_, change) => {
    const summary = summarise([report([own]), report([own], change)], SENDER);
    expect(summary).toMatchObject({ dmarcReports: 2, messages: 2, repeated: 0 });
  });

  it("count both when a stranger sends another content under a real one's name, and this is told", () => {
    const real = report([{ ...own, count: 38 }]);
    const forged = report([{ ...ROW, count: 1 }]);
    for (const order of [
      [real, forged],
      [forged, real],
    ])
      expect(summarise(order, SENDER)).toMatchObject({ dmarcReports: 2, messages: 39, repeated: 0, sameId: 1 });
  });

  it("count once when they are one report, and this is told", () => {
    expect(summarise([report([own]), report([own])], SENDER)).toMatchObject({
      dmarcReports: 1,
      messages: 1,
      repeated: 1,
    });
  });
});

describe("policies of a TLS report", () => {
  const policy = (domain: string) => ({ domain, type: "tlsa", successes: 10, failures: 0, details: [] });
  const tls = (...domains: readonly string[]): TlsReport => ({
    kind: "tls",
    ...{ reporter: "r", contact: undefined, id: "1", begin: undefined, end: undefined, gaps: [] },
    policies: domains.map(policy),
  });
  const of = (report: TlsReport, about?: string) => {
    const tally = new Tally(SENDER);
    tally.add(report, { about });
    const { tlsReports, elsewhere, tls } = tally.summary(WHOLE);
    return { tlsReports, elsewhere, successes: tls.successes, policies: tls.elsewhere };
  };

  it("count when they name the domain or its exchanger, and others are told", () => {
    expect(of(tls("example.org", "mx.carrier.example", "other.example"))).toEqual({
      ...{ tlsReports: 1, elsewhere: 0, successes: 20, policies: 1 },
    });
    expect(of(tls("mx.carrier.example"))).toMatchObject({ tlsReports: 1, successes: 10 });
    expect(of(tls(""))).toMatchObject({ tlsReports: 1, successes: 10 });
  });

  it("of the exchanger belong to the domain that the report is about", () => {
    expect(of(tls("mx.carrier.example", "other.example"))).toMatchObject({ tlsReports: 0, elsewhere: 1 });
    expect(of(tls("mx.carrier.example"), "other.example")).toMatchObject({ tlsReports: 0, elsewhere: 1 });
    expect(of(tls("mx.carrier.example"), "example.org")).toMatchObject({ tlsReports: 1 });
  });
});

test("names of strangers fill no memory: lists end, sums do not", () => {
  const tally = new Tally(SENDER);
  const rows = Array.from({ length: 5_000 }, (_, index) => ({
    ...ROW,
    sourceIp: `2001:db8:${index.toString(16)}::1`,
  }));
  tally.add(report(rows));
  const { sources, messages } = tally.summary(WHOLE);
  expect(messages).toBe(5_000);
  expect(sources.length).toBeLessThanOrEqual(1_001);
  expect(Math.max(...sources.map(({ addresses }) => addresses.length))).toBeLessThanOrEqual(1_001);
});
