import fc from "fast-check";
import { parseReport, reportsIn } from "../../../ops/reports/mail";
import { type AggregateReport, UnreadableReport } from "../../../ops/reports/report";
import { MAX_PACKED_BYTES, MAX_TEXT_BYTES, unpack } from "../../../ops/reports/unpack";
import { forwarded, gzipped, multipartMail, sample, soleMail, zipped } from "./mails";

const GOOGLE = sample("google.xml");
const TLS = sample("tls.json");
const file = "google.com!augustin.ai!1792454400!1792540799";

interface Expected {
  readonly rows?: readonly number[];
  readonly gaps?: number;
}

function aggregate(content: string): AggregateReport {
  const found = parseReport(content);
  if (found.kind !== "dmarc") throw new Error("This is not a DMARC report.");
  return found;
}

describe("a DMARC aggregate report", () => {
  it("has its rows in the reader's own shape", () => {
    expect(parseReport(GOOGLE)).toMatchObject({
      kind: "dmarc",
      reporter: "google.com",
      id: "14573458019284756120",
      domain: "augustin.ai",
      begin: new Date("2026-10-20T00:00:00Z"),
      end: new Date("2026-10-20T23:59:59Z"),
      policy: "reject",
      rows: [
        {
          sourceIp: "54.240.9.31",
          count: 38,
          dkimAligned: true,
          spfAligned: true,
          dkim: [
            { domain: "augustin.ai", result: "pass", selector: "resend" },
            { domain: "amazonses.com", result: "pass", selector: "shh3fegwg5fppqsuzphvschd53n6ihuv" },
          ],
          spf: [{ domain: "send.augustin.ai", result: "pass" }],
        },
        { count: 2, reasons: ["forwarded"], spfAligned: false },
        { count: 5, disposition: "reject", dkim: [], dkimAligned: false },
      ],
    });
  });

  it("may have RFC 9990's namespace, a trailing dot, capitals and entities of XML", () => {
    expect(parseReport(sample("rfc9990.xml"))).toMatchObject({
      reporter: "Sample & Sons Mail",
      domain: "augustin.ai",
      rows: [{ sourceIp: "2001:db8:7:1::5", headerFrom: "news.augustin.ai" }],
    });
  });

  it("may have one row, none, a byte order mark, or a foreign element", () => {
    const without = GOOGLE.replace(/<record>[\s\S]*<\/record>/, "");
    expect(parseReport(without)).toMatchObject({ rows: [] });
    expect(parseReport(`\uFEFF${sample("elsewhere.xml")}`)).toMatchObject({ rows: [{ count: 9 }] });
    expect(parseReport(GOOGLE.replace("<adkim>", "<ext:x xmlns:ext='u:x'><p>none</p></ext:x><adkim>"))).toMatchObject({
      policy: "reject",
    });
  });

  it.each([
    ["an entity bomb", `<!DOCTYPE f [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${GOOGLE}`, "document type"],
    ["an external entity", `<!doctype f SYSTEM "file:///etc/passwd">${GOOGLE}`, "document type"],
    ["half a report", GOOGLE.slice(0, GOOGLE.length / 2), "not well-formed"],
    ["no XML", "Dear postmaster, all is well.", "not well-formed"],
    ["nothing", "", "no"],
    ["another root", "<feedbacks/>", "no feedback"],
    ["an empty report", "<feedback/>", "no feedback"],
    [
      "no domain",
      GOOGLE.replace(/<policy_published>[\s\S]*<\/policy_published>/, "").replaceAll("header_from", "x"),
      "no policy_published",
    ],
    ["a thousand levels", `${"<a>".repeat(1_000)}${"</a>".repeat(1_000)}`, "not well-formed"],
    ["a name out of JavaScript", "<feedback><__proto__><p>1</p></__proto__></feedback>", "no"],
  ])("is refused with words: %s", (_, content, reason) => {
    expect(() => parseReport(content)).toThrow(UnreadableReport);
    expect(() => parseReport(content)).toThrow(reason);
  });

  it("is read up to a number of rows, in bounded time, and the others are told", () => {
    const row = "<record><row><source_ip>1.1.1.1</source_ip><count>1</count></row></record>";
    const { rows, gaps } = aggregate(GOOGLE.replace("</feedback>", `${row.repeat(50_001)}</feedback>`));
    expect(rows).toHaveLength(50_000);
    expect(gaps).toContain("4 rows after the first 50000 are left out");
  });

  it.each<[string, string, object]>([
    ["a negative count", GOOGLE.replace("<count>38<", "<count>-38<"), { rows: [2, 5], gaps: 1 }],
    ["an endless count", GOOGLE.replace("<count>38<", "<count>9e99<"), { rows: [2, 5], gaps: 1 }],
    ["a count that is an address", GOOGLE.replace("<count>38<", "<count>0x26<"), { rows: [2, 5], gaps: 1 }],
    ["a record without a row", GOOGLE.replace("<record>", "<record><note>x</note></record><record>"), { gaps: 1 }],
    ["an empty record", GOOGLE.replace("<record>", "<record/><record>"), {}],
    ["no address", GOOGLE.replace("<source_ip>54.240.9.31</source_ip>", ""), { gaps: 1 }],
    ["no organisation", GOOGLE.replace("<org_name>google.com<", "<org_name><"), { reporter: "" }],
    ["no metadata", GOOGLE.replace(/<report_metadata>[\s\S]*<\/report_metadata>/, ""), { reporter: "", gaps: 2 }],
    ["no policy", GOOGLE.replace(/<policy_published>[\s\S]*<\/policy_published>/, ""), {}],
    ["the policy twice", GOOGLE.replace(/<policy_published>[\s\S]*<\/policy_published>/, "$&$&"), {}],
    [
      "two policies",
      GOOGLE.replace(/(<policy_published>[\s\S]*)reject([\s\S]*<\/policy_published>)/, "$1reject$2$1none$2"),
      { gaps: 1 },
    ],
    ["times in milliseconds", GOOGLE.replace("1792454400", "1792454400000"), {}],
    ["a date for a time", GOOGLE.replace("1792454400", "2026-10-20T00:00:00Z"), {}],
    ["no time", GOOGLE.replace(/<date_range>[\s\S]*<\/date_range>/, ""), { gaps: 2 }],
    ["an unknown disposition", GOOGLE.replace("<disposition>none<", "<disposition>sampled_out<"), {}],
    ["a bare ampersand", GOOGLE.replace("google.com<", "Google & Sons<"), { reporter: "Google & Sons" }],
    ["a CDATA section", GOOGLE.replace(">google.com<", "><![CDATA[A <b> & C]]><"), { reporter: "A <b> & C" }],
    ["zeros and text behind it", `${GOOGLE}\0\0\r\n-- \r\nsent by a gateway`, {}],
    ["white space before it", `\r\n \uFEFF${GOOGLE}`, {}],
    [
      "the namespace of RFC 9990",
      GOOGLE.replace("<feedback>", '<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">'),
      {},
    ],
    [
      "a prefix for all",
      GOOGLE.replace(/<(\/?)(?=[a-z])/g, "<$1d:").replace("<d:feedback>", '<d:feedback xmlns:d="x">'),
      {},
    ],
  ])("is used although it has one odd thing: %s", (_, content, { rows, gaps, ...fields }: Expected) => {
    const found = aggregate(content);
    expect(found).toMatchObject({ domain: "augustin.ai", ...fields });
    expect(found.rows.map(({ count }) => count)).toEqual(rows ?? [38, 2, 5]);
    if (gaps !== undefined) expect(found.gaps).toHaveLength(gaps);
  });

  it("keeps every count and outcome, whatever they are", () => {
    const outcome = fc.constantFrom("pass", "fail");
    const row = fc.record({ ip: fc.ipV4(), count: fc.nat(1_000_000_000), dkim: outcome, spf: outcome });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), fc.string(), (rows, organisation) => {
        const text = escaped(organisation);
        const records = rows.map(
          ({ ip, count, dkim, spf }) =>
            `<record><row><source_ip>${ip}</source_ip><count>${count}</count><policy_evaluated><dkim>${dkim}</dkim>` +
            `<spf>${spf}</spf></policy_evaluated></row></record>`,
        );
        const xml = GOOGLE.replace(/<record>[\s\S]*<\/record>/, () => records.join("")).replace(
          "<org_name>google.com<",
          () => `<org_name>x${text}<`,
        );
        const report = parseReport(xml) as AggregateReport;
        expect(
          report.rows.map(({ sourceIp, count, dkimAligned, spfAligned }) => [sourceIp, count, dkimAligned, spfAligned]),
        ).toEqual(rows.map(({ ip, count, dkim, spf }) => [ip, count, dkim === "pass", spf === "pass"]));
      }),
    );
  });
});

describe("a TLS report", () => {
  it("has its policies and failures", () => {
    expect(parseReport(TLS)).toEqual({
      kind: "tls",
      reporter: "Company-X",
      id: "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
      contact: "company-x.example",
      begin: new Date("2026-10-19T00:00:00Z"),
      end: new Date("2026-10-19T23:59:59Z"),
      gaps: [],
      policies: [
        {
          domain: "augustin.ai",
          type: "sts",
          successes: 5326,
          failures: 303,
          details: [
            { type: "certificate-expired", count: 100, mx: "route1.mx.cloudflare.net" },
            { type: "sts-policy-fetch-error", count: 203, mx: undefined },
          ],
        },
      ],
    });
  });

  it.each([
    ["half a report", TLS.slice(0, TLS.length / 2), "not JSON"],
    ["no policies", '{"date-range":{}}', "no policies"],
    ["policies that are none", '{"policies":{"0":1}}', "no policies"],
  ])("is refused with words: %s", (_, content, reason) => {
    expect(() => parseReport(content)).toThrow(UnreadableReport);
    expect(() => parseReport(content)).toThrow(reason);
  });
});

describe("a TLS report with one odd thing", () => {
  const dane = TLS.replace('"policy-type": "sts"', '"policy-type": "tlsa"').replace(
    '"policy-domain": "augustin.ai"',
    '"policy-domain": "_25._tcp.route1.mx.cloudflare.net."',
  );
  it.each<[string, string, object]>([
    ["a number that is none", TLS.replace("5326", "-1"), { policies: [{ successes: 0, failures: 303 }] }],
    ["numbers in quotes", TLS.replace("5326", '"5326"'), { policies: [{ successes: 5326 }], gaps: [] }],
    ["a time that is none", TLS.replace("2026-10-19T00:00:00Z", "yesterday"), { begin: undefined }],
    ["no organisation", TLS.replace('"organization-name": "Company-X",', ""), { reporter: "" }],
    ["no time at all", TLS.replace('"date-range"', '"range"'), { end: undefined, policies: [{ successes: 5326 }] }],
    ["a policy that is null", TLS.replace("[\n    {", "[null,\n    {"), { policies: [{ successes: 5326 }] }],
    ["a failure that is a text", TLS.replace('"failure-details": [', '"failure-details": ["x",'), {}],
    ["the name of an exchanger", dane, { policies: [{ type: "tlsa", domain: "route1.mx.cloudflare.net" }] }],
    ["an unknown type", TLS.replace('"sts"', '"sts-2027"'), { policies: [{ type: "sts-2027" }] }],
    ["no policy at all", '{"policies":[]}', { policies: [] }],
    ["text behind it", `${TLS}\n-- \nsent by a gateway`, { policies: [{ successes: 5326 }] }],
  ])("is used: %s", (_, content, wanted) => expect(parseReport(content)).toMatchObject(wanted));
});

describe("whatever a stranger sends", () => {
  it("is a report or an UnreadableReport", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string({ unit: "grapheme" }).map((text) => `<feedback>${text}</feedback>`),
        ),
        (text) => {
          expectReadOrRefused(() => parseReport(text));
        },
      ),
    );
  });

  it("is a report or an UnreadableReport when a good one is damaged", () => {
    const damage = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(40),
      put: fc.string({ maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.constantFrom(GOOGLE, TLS), damage, (report, { at, cut, put }) => {
        const start = Math.floor(at * report.length);
        expectReadOrRefused(() => parseReport(report.slice(0, start) + put + report.slice(start + cut)));
      }),
    );
  });

  it("unpacks or is refused when an archive is damaged", () => {
    const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(gzipped(GOOGLE), zipped(["report.xml", GOOGLE])), damage, (archive, bytes) => {
        const damaged = Uint8Array.from(archive);
        for (const { at, byte } of bytes) damaged[at % damaged.length] = byte;
        expectReadOrRefused(() => unpack(damaged));
      }),
    );
  });
});

describe("an attachment", () => {
  it.each([
    ["gzip", gzipped(GOOGLE)],
    ["zip", zipped(["google.xml", GOOGLE])],
    ["plain", Buffer.from(GOOGLE)],
    ["gzip in gzip", gzipped(gzipped(GOOGLE))],
    ["gzip in zip", zipped(["google.xml.gz", gzipped(GOOGLE)])],
    ["zip in zip", zipped(["inner.zip", zipped(["google.xml", GOOGLE])])],
    [
      "bytes behind the gzip member",
      Buffer.concat([gzipped(GOOGLE), Buffer.from("\u001f\u008b-- \r\nsignature", "latin1")]),
    ],
    ["zeros behind the gzip member", Buffer.concat([gzipped(GOOGLE), Buffer.alloc(512)])],
    ["two gzip members", Buffer.concat([gzipped(GOOGLE.slice(0, 300)), gzipped(GOOGLE.slice(300))])],
    ["a gzip member with a name and a comment", named(gzipped(GOOGLE))],
    ["UTF-8 with a mark", Buffer.from(`\uFEFF${GOOGLE}`)],
    ["UTF-16 with a mark", Buffer.from(`\uFEFF${GOOGLE}`, "utf16le")],
    ["UTF-16 without one", Buffer.from(GOOGLE, "utf16le")],
    ["UTF-16, the great end first", Buffer.from(`\uFEFF${GOOGLE}`, "utf16le").swap16()],
  ])("is known by its bytes: %s", (_, packed) => expect(unpack(packed)).toEqual([GOOGLE]));

  it("is read in the code page that it declares", () => {
    const xml = GOOGLE.replace('"UTF-8"', '"ISO-8859-1"').replace("google.com<", "Générale<");
    expect(unpack(Buffer.from(xml, "latin1"))).toEqual([xml]);
  });

  it("may hold several files, also of one name", () => {
    const [one, other] = [zipped(["a.xml", GOOGLE], ["b.xml", TLS]), zipped(["a.xml", GOOGLE], ["b.xml", TLS])];
    expect(unpack(one)).toEqual([GOOGLE, TLS]);
    const alike = Buffer.from(Buffer.from(other).toString("latin1").replaceAll("b.xml", "a.xml"), "latin1");
    expect(unpack(alike)).toEqual([GOOGLE, TLS]);
  });

  it("is refused when it is a bomb, before it is unpacked", () => {
    const zeros = new Uint8Array(MAX_TEXT_BYTES + 1);
    for (const bomb of [gzipped(zeros), zipped(["a.xml", zeros])]) {
      expect(bomb.byteLength).toBeLessThan(100_000);
      expect(() => unpack(bomb)).toThrow(`more than ${MAX_TEXT_BYTES} bytes`);
    }
    expect(() => unpack(new Uint8Array(MAX_PACKED_BYTES + 1))).toThrow(`more than ${MAX_PACKED_BYTES} bytes`);
  });

  it("never unpacks to more than its directory says, even when the directory lies", () => {
    const lying = Buffer.from(zipped(["a.xml", new Uint8Array(MAX_TEXT_BYTES + 1)]));
    const directory = lying.lastIndexOf(Buffer.from("PK\u0001\u0002", "latin1"));
    lying.writeUInt32LE(10, directory + 24);
    expect(unpack(lying).join("").length).toBeLessThanOrEqual(10);
  });

  it("is refused when a bomb is spread over its files or lies inside them", () => {
    const part = new Uint8Array(MAX_TEXT_BYTES / 2);
    expect(() => unpack(zipped(["a", part], ["b", part], ["c", part]))).toThrow(`more than ${MAX_TEXT_BYTES} bytes`);
    expect(() => unpack(zipped(["a.gz", gzipped(new Uint8Array(MAX_TEXT_BYTES))]))).toThrow("more than");
    expect(() => unpack(Buffer.concat([gzipped(part), gzipped(part), gzipped(part)]))).toThrow("more than");
    const nested = Array.from({ length: 5 }).reduce<Uint8Array>((inner) => gzipped(inner), Buffer.from(GOOGLE));
    expect(() => unpack(nested)).toThrow("deep");
    const faults: string[] = [];
    const many = zipped(...Array.from({ length: 25 }, (_, at) => [`${at}.xml`, GOOGLE] as const));
    expect(unpack(many, faults)).toHaveLength(20);
    expect(faults).toEqual(["the attachment holds more than 20 files"]);
  });

  it("is refused with no file, or a damaged one", () => {
    expect(() => unpack(zipped(["folder/", ""]))).toThrow("is empty");
    expect(() => unpack(gzipped(GOOGLE).subarray(0, 200))).toThrow("damaged");
    expect(() => unpack(zipped(["a.xml", GOOGLE]).subarray(0, 200))).toThrow("damaged");
  });
});

describe("a mail", () => {
  it.each([
    [
      "Google's: the zip is the whole mail",
      soleMail({ type: "application/zip", filename: `${file}.zip`, content: zipped([`${file}.xml`, GOOGLE]) }),
    ],
    [
      "gzip beside a text",
      multipartMail({ type: "application/gzip", filename: `${file}.xml.gz`, content: gzipped(GOOGLE) }),
    ],
    [
      "a name only",
      multipartMail({ type: "application/octet-stream", filename: `${file}.xml.gz`, content: gzipped(GOOGLE) }),
    ],
    ["plain XML", multipartMail({ type: "text/xml", filename: "report.xml", content: Buffer.from(GOOGLE) })],
    ["no name, a wrong type", multipartMail({ type: "image/png", content: gzipped(GOOGLE) })],
    ["a wrong name", multipartMail({ type: "text/plain", filename: "a.txt", content: zipped(["a", GOOGLE]) })],
    [
      "UTF-16 without a name",
      multipartMail({ type: "application/octet-stream", content: Buffer.from(GOOGLE, "utf16le") }),
    ],
    ["no attachment at all", Buffer.from(`Subject: Report\r\nContent-Type: text/plain\r\n\r\n${GOOGLE}`)],
    [
      "a forwarded mail",
      forwarded(multipartMail({ type: "application/gzip", filename: "r.xml.gz", content: gzipped(GOOGLE) })),
    ],
    [
      "a mail forwarded twice",
      forwarded(forwarded(multipartMail({ type: "application/zip", content: zipped(["r", GOOGLE]) }))),
    ],
    [
      "a forwarded mail without a disposition",
      Buffer.from(
        forwarded(multipartMail({ type: "application/gzip", filename: "r.xml.gz", content: gzipped(GOOGLE) }))
          .toString("latin1")
          .replace("Content-Disposition: attachment\r\n", ""),
        "latin1",
      ),
    ],
    [
      "something unreadable beside it",
      multipartMail(
        { type: "application/pdf", filename: "a.pdf", content: Buffer.from("%PDF") },
        { type: "application/gzip", filename: "r.xml.gz", content: gzipped(GOOGLE) },
      ),
    ],
  ])("holds a DMARC report: %s", async (_, raw) => {
    expect(await reportsIn(raw)).toMatchObject({ reports: [parseReport(GOOGLE)], faults: [] });
  });

  it("holds a TLS report", async () => {
    const raw = multipartMail({ type: "application/tlsrpt+gzip", filename: "x.json.gz", content: gzipped(TLS) });
    expect(await reportsIn(raw)).toMatchObject({ reports: [parseReport(TLS)], faults: [] });
  });

  it("loses no report to a damaged one beside it, and the damage is told", async () => {
    const raw = multipartMail(
      { type: "application/gzip", filename: "broken.xml.gz", content: gzipped(GOOGLE).subarray(0, 100) },
      { type: "application/gzip", filename: "whole.xml.gz", content: gzipped(GOOGLE) },
      { type: "text/xml", filename: "no.xml", content: Buffer.from("<html/>") },
      { type: "application/json", filename: "t.json", content: Buffer.from(TLS) },
    );
    expect(await reportsIn(raw)).toMatchObject({
      reports: [parseReport(GOOGLE), parseReport(TLS)],
      faults: ["the gzip file is damaged", "it has no feedback"],
    });
  });

  it("loses no report of a mail by another part that cannot be read, and says which", async () => {
    const report = { type: "application/gzip", filename: "a.xml.gz", content: gzipped(GOOGLE) };
    const many = await reportsIn(multipartMail(...Array.from({ length: 40 }, () => report)));
    expect([many.reports.length, many.faults]).toEqual([30, ["the mail has more than 30 parts"]]);

    const damaged = { type: "message/rfc822", content: Buffer.from(`X: ${"a".repeat(300_000)}\r\n\r\nx`) };
    const beside = await reportsIn(multipartMail(damaged, report));
    expect([beside.reports.length, beside.faults]).toEqual([1, ["the mail is damaged"]]);

    const archive = Buffer.from(zipped(["a.xml", GOOGLE], ["b.xml", GOOGLE], ["c.xml", GOOGLE]));
    // A way of packing that nobody here knows, which is how encrypted members are marked.
    archive.writeUInt16LE(99, archive.lastIndexOf("b.xml") - 46 + 10);
    const packed = await reportsIn(soleMail({ type: "application/zip", filename: "r.zip", content: archive }));
    expect([packed.reports.length, packed.faults]).toEqual([2, ["the zip file is damaged, in 1 of 3 files"]]);
  });

  it.each([
    ["message/global", undefined],
    ["application/octet-stream", "Report.EML"],
  ])("is read in a mail that is attached as %s", async (type, filename) => {
    const inner = soleMail({ type: "application/gzip", filename: "a.xml.gz", content: gzipped(GOOGLE) });
    const attached = { type, content: inner, ...(filename === undefined ? {} : { filename }) };
    expect(await reportsIn(multipartMail(attached))).toMatchObject({ reports: [parseReport(GOOGLE)], faults: [] });
  });

  it("holds none without such an attachment", async () => {
    const photos = zipped(["a.jpg", "JFIF"], ["b.jpg", "JFIF"]);
    for (const raw of [
      Buffer.from("Subject: hello\r\n\r\nno report\r\n"),
      soleMail({ type: "image/png", filename: "a.png", content: Buffer.from("x") }),
      soleMail({ type: "application/zip", filename: "photos.zip", content: photos }),
      soleMail({ type: "application/json", filename: "", content: Buffer.from('{"a":1}') }),
      Buffer.alloc(0),
    ])
      expect(await reportsIn(raw)).toMatchObject({ reports: [], faults: [] });
  });

  it("is refused when its parts nest without end", async () => {
    const parts = Array.from(
      { length: 300 },
      (_, depth) => `Content-Type: multipart/mixed; boundary="b${depth}"\r\n\r\n--b${depth}\r\n`,
    );
    await expect(reportsIn(Buffer.from(parts.join("")))).rejects.toThrow(UnreadableReport);
  });
});

function expectReadOrRefused(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(UnreadableReport);
  }
}

function escaped(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

/** The member with the fields FNAME and FCOMMENT of RFC 1952. */
function named(member: Uint8Array): Buffer {
  const head = Buffer.from(member.subarray(0, 10));
  head[3] = 0b1_1000;
  return Buffer.concat([head, Buffer.from("report.xml\0made by hand\0"), member.subarray(10)]);
}
