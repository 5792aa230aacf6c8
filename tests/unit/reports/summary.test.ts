import fc from "fast-check";
import type { AggregateReport, AggregateRow, TlsReport } from "../../../ops/reports/report";
import { type Sender, type Source, summarise } from "../../../ops/reports/summary";

const SENDER: Sender = {
  domain: "example.org",
  selectors: ["202611r", "resend"],
  envelopes: ["send.example.org"],
  policy: "reject",
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
    rows,
    ...time,
    ...instead,
  };
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

  it("says when nothing came", () => {
    expect(summarise([], SENDER)).toMatchObject({ messages: 0, begin: undefined, sources: [] });
    expect(summarise([], SENDER).advice).toHaveLength(2);
  });
});

test("a TLS failure of a kind nobody knows is told as well", () => {
  const tls: TlsReport = {
    kind: "tls",
    ...{ reporter: "r", id: "1", domain: "example.org", begin: new Date(0), end: new Date(1) },
    policies: [{ type: "sts", successes: 1, failures: 2, details: [{ type: "constructor", count: 2, mx: undefined }] }],
  };
  expect(summarise([tls], SENDER).tls).toEqual({
    successes: 1,
    failures: 2,
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
        expect(summarise([...all, ...all], SENDER)).toEqual(summary);
      }),
    );
  });
});
