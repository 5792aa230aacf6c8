import fc from "fast-check";
import { parseReport, reportsIn } from "../../../ops/reports/mail";
import { type AggregateReport, UnreadableReport } from "../../../ops/reports/report";
import { MAX_PACKED_BYTES, MAX_TEXT_BYTES, unpack } from "../../../ops/reports/unpack";
import { gzipped, multipartMail, sample, soleMail, zipped } from "./mails";

const GOOGLE = sample("google.xml");
const TLS = sample("tls.json");
const file = "google.com!augustin.ai!1792454400!1792540799";

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
    ["no policy", GOOGLE.replace(/<policy_published>[\s\S]*<\/policy_published>/, ""), "no policy_published"],
    ["a negative count", GOOGLE.replace("<count>38<", "<count>-38<"), "count"],
    ["an endless count", GOOGLE.replace("<count>38<", "<count>9e99<"), "count"],
    ["a count that is an address", GOOGLE.replace("<count>38<", "<count>0x26<"), "count"],
    ["times in milliseconds", GOOGLE.replace("1792454400", "1792454400000"), "date_range/begin"],
    ["a thousand levels", `${"<a>".repeat(1_000)}${"</a>".repeat(1_000)}`, "not well-formed"],
    ["a name out of JavaScript", "<feedback><__proto__><p>1</p></__proto__></feedback>", "no"],
  ])("is refused with words: %s", (_, content, reason) => {
    expect(() => parseReport(content)).toThrow(UnreadableReport);
    expect(() => parseReport(content)).toThrow(reason);
  });

  it("is refused with too many rows, in bounded time", () => {
    const row = "<record><row><source_ip>1.1.1.1</source_ip><count>1</count></row></record>";
    expect(() => parseReport(GOOGLE.replace("</feedback>", `${row.repeat(50_001)}</feedback>`))).toThrow(
      "more than 50000 rows",
    );
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
      domain: "augustin.ai",
      begin: new Date("2026-10-19T00:00:00Z"),
      end: new Date("2026-10-19T23:59:59Z"),
      policies: [
        {
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
    ["no policies", '{"date-range":{},"policies":[]}', "no policies"],
    ["a policy that is null", '{"date-range":{},"policies":[null]}', "no policies"],
    ["a count that is none", TLS.replace("5326", "-1"), "sessions"],
    ["a time that is none", TLS.replace("2026-10-19T00:00:00Z", "yesterday"), "no time"],
  ])("is refused with words: %s", (_, content, reason) => {
    expect(() => parseReport(content)).toThrow(UnreadableReport);
    expect(() => parseReport(content)).toThrow(reason);
  });
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
  ])("is known by its bytes: %s", (_, packed) => expect(unpack(packed)).toBe(GOOGLE));

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
    expect(unpack(lying).length).toBeLessThanOrEqual(10);
  });

  it("is refused with two files, none, or a damaged one", () => {
    expect(() => unpack(zipped(["a.xml", GOOGLE], ["b.xml", GOOGLE]))).toThrow("more than one file");
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
  ])("holds a DMARC report: %s", async (_, raw) => {
    expect(await reportsIn(raw)).toEqual([parseReport(GOOGLE)]);
  });

  it("holds a TLS report", async () => {
    const raw = multipartMail({ type: "application/tlsrpt+gzip", filename: "x.json.gz", content: gzipped(TLS) });
    expect(await reportsIn(raw)).toEqual([parseReport(TLS)]);
  });

  it("holds none without such an attachment", async () => {
    expect(await reportsIn(Buffer.from("Subject: hello\r\n\r\nno report\r\n"))).toEqual([]);
    expect(await reportsIn(soleMail({ type: "image/png", filename: "a.png", content: Buffer.from("x") }))).toEqual([]);
    expect(await reportsIn(Buffer.alloc(0))).toEqual([]);
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
