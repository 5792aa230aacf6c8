import fc from "fast-check";
import { readAll } from "../../../ops/reports/read-all";
import type { Found } from "../../../ops/reports/mailbox";
import { renderHtml } from "../../../ops/reports/html";
import { renderText } from "../../../ops/reports/render";
import type { Sender, Summary } from "../../../ops/reports/summary";
import { forwarded, gzipped, type MailParts, multipartMail, sample, soleMail, zipped } from "./mails";

const SENDER: Sender = {
  domain: "augustin.ai",
  selectors: ["resend"],
  envelopes: ["send.augustin.ai"],
  exchangers: ["route1.mx.cloudflare.net"],
  policy: "reject",
};
const GOOGLE = sample("google.xml");
const AT = "2026-10-22T05:00:00Z";

async function* each(found: readonly Found[]): AsyncGenerator<Found> {
  for (const item of found) yield await Promise.resolve(item);
}

function read(...found: readonly (Found | Buffer)[]): Promise<Summary> {
  const mails = found.map((item) =>
    Buffer.isBuffer(item)
      ? ({ kind: "mail", subject: "Report Domain: augustin.ai", receivedAt: AT, raw: item } as const)
      : item,
  );
  return readAll(each(mails), SENDER);
}

const gzip = (xml: string) => multipartMail({ type: "application/gzip", filename: "r.xml.gz", content: gzipped(xml) });

describe("what is said", () => {
  it("names what of a report could not be read, and the rest counts", async () => {
    const odd = GOOGLE.replace("<count>38<", "<count>many<").replace("<source_ip>203.0.113.77</source_ip>", "");
    const summary = await read(gzip(odd));
    expect(summary).toMatchObject({ dmarcReports: 1, messages: 7, partial: 1, unreadable: 0 });
    expect(renderText(summary)).toContain(
      "Partly read: 1. The rest of each counts.\ngoogle.com (unverified), report 14573458019284756120: 1 rows are left out:",
    );
  });

  it("is never that nothing came when not everything was read", async () => {
    const limit = { kind: "limit", reason: "only the newest 5 mails of the account were looked at" } as const;
    const gone = {
      kind: "unread",
      subject: "Report domain: x",
      receivedAt: AT,
      reason: "the server no longer has it",
    } as const;
    for (const found of [limit, gone, gzip("<feedback>")]) {
      const text = renderText(await read(found)).replace(/\s+/g, " ");
      expect(text).toContain("Not everything was read, so this says nothing about the records.");
      expect(text).not.toContain("npm run zone");
    }
    expect(renderText(await read(limit))).toContain("Not the whole period:\nonly the newest 5 mails");
    expect(renderText(await read())).toContain("npm run zone");
  });

  it("tells mails without a report, repetitions and reports under another one's id", async () => {
    const forged = GOOGLE.replace("<count>38<", "<count>1<");
    const text = renderText(await read(gzip(GOOGLE), gzip(GOOGLE), gzip(forged), Buffer.from("Subject: hi\r\n\r\nhi")));
    expect(text.replace(/\s+/g, " ")).toContain(
      "Repetitions left out: 1. Counted although another report has the same id: 1. Mails to these addresses without a report: 1.",
    );
  });

  it("marks what nobody vouches for, and names who does", async () => {
    const edge = (domain: string) =>
      Buffer.from(
        "Received: from x by mx.cloudflare.net;\r\n Mon\r\nAuthentication-Results: mx.cloudflare.net; " +
          `dmarc=pass header.from=${domain}\r\n`,
      );
    const real = await read(Buffer.concat([edge("google.com"), gzip(GOOGLE)]));
    expect(real).toMatchObject({ reporters: ["google.com"], unverified: 0 });
    expect(renderText(real)).not.toContain("unverified");
    const stranger = await read(Buffer.concat([edge("evil.example"), gzip(GOOGLE)]));
    expect(stranger).toMatchObject({ reporters: ["google.com (unverified)"], unverified: 1 });
    const text = renderText(stranger).replace(/\s+/g, " ");
    expect(text).toContain("1 of 1 report is unverified: nothing shows that it comes from the organisation it names.");
  });

  it("steers neither a terminal nor a page, whatever stands in a report", async () => {
    const evil = "\u001b]52;c;aGk=\u0007\u009b2J\u202e<script>alert(1)</script>\u2028\u200b";
    const inXml = evil.replace(/</g, "&lt;").replaceAll("\u0007", "&#7;");
    const xml = ["org_name", "report_id", "source_ip", "selector"].reduce(
      (text, name) => text.replace(new RegExp(`<${name}>[^<]*`), () => `<${name}>${inXml}`),
      GOOGLE.replace("<count>5<", () => `<count>${inXml}<`),
    );
    const tls = sample("tls.json")
      .replace("sts-policy-fetch-error", () => JSON.stringify(evil).slice(1, -1))
      .replace("Company-X", () => JSON.stringify(evil).slice(1, -1));
    const summary = await read(gzip(xml), multipartMail({ type: "application/json", content: Buffer.from(tls) }), {
      ...{ kind: "unread", subject: evil, receivedAt: evil, reason: "x" },
    });
    expect(summary).toMatchObject({ dmarcReports: 1, tlsReports: 1, unreadable: 1 });
    for (const shown of [renderText(summary), renderHtml(summary)]) {
      expect(shown).not.toMatch(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
      expect(shown).toContain("\\u001b");
    }
    expect(renderHtml(summary)).not.toContain("<script>");
  });
});

describe("whatever a report lies in", () => {
  const COUNT = fc.oneof(fc.nat(1_000), fc.constantFrom("", "-1", "1e3", "many", "0x10", "9".repeat(20)));
  const word = fc.constantFrom("pass", "fail", "none", "softfail", "", "Pass", "unknown-2027", "<x/>");
  const row = fc.record({ count: COUNT, ip: fc.constantFrom("192.0.2.1", "", "::", "x"), dkim: word, spf: word });
  const pack: fc.Arbitrary<(text: string) => Uint8Array> = fc.constantFrom(
    (text: string) => Buffer.from(text),
    (text: string) => Buffer.from(`\uFEFF${text}`, "utf16le"),
    (text: string) => gzipped(text),
    (text: string) => Buffer.concat([gzipped(text), Buffer.from("behind")]),
    (text: string) => zipped(["a.xml", text]),
    (text: string) => zipped(["read.me", "hello"], ["a.xml.gz", gzipped(text)]),
  );
  const parts = fc.record({
    type: fc.constantFrom("application/gzip", "text/xml", "image/png", "application/octet-stream"),
    filename: fc.constantFrom("r.xml.gz", "r.zip", "x", undefined),
  });
  const coat: fc.Arbitrary<(part: MailParts) => Buffer> = fc.constantFrom(
    (part: MailParts) => soleMail(part),
    (part: MailParts) => multipartMail(part),
    (part: MailParts) => forwarded(multipartMail(part)),
    (part: MailParts) => multipartMail({ type: "image/png", filename: "logo.png", content: Buffer.from("x") }, part),
  );
  const metadata = fc.constantFrom(
    "<report_metadata><org_name>r.example</org_name><report_id>1</report_id></report_metadata>",
    "<report_metadata><org_name/></report_metadata>",
    "<report_metadata/>",
    "",
  );
  const policy = fc.constantFrom(
    "<policy_published><domain>augustin.ai</domain><p>reject</p></policy_published>",
    "<policy_published><domain>AUGUSTIN.ai.</domain></policy_published>".repeat(2),
    "<policy_published/><policy_published><domain>augustin.ai</domain><p/></policy_published>",
  );

  it("each row with a number of messages counts once, and every other one is told", async () => {
    const report = fc.record({ rows: fc.array(row, { maxLength: 6 }), metadata, policy, pack, parts, coat });
    await fc.assert(
      fc.asyncProperty(report, async ({ rows, metadata, policy, pack, parts: { type, filename }, coat }) => {
        const records = rows.map(
          ({ count, ip, dkim, spf }) =>
            `<record><row><source_ip>${ip}</source_ip><count>${count}</count><policy_evaluated><dkim>${dkim}</dkim>` +
            `<spf>${spf}</spf></policy_evaluated></row></record>`,
        );
        const xml = `<?xml version="1.0"?><feedback>${metadata}${policy}${records.join("")}</feedback>`;
        const part = { type, content: pack(xml), ...(filename === undefined ? {} : { filename }) };
        const summary = await read(coat(part));
        const counts = rows.flatMap(({ count }) => (typeof count === "number" ? [count] : []));
        expect(summary).toMatchObject({ dmarcReports: 1, unreadable: 0 });
        expect(summary.messages).toBe(counts.reduce((sum, count) => sum + count, 0));
        expect(JSON.stringify(summary.partlyRead).includes(`${rows.length - counts.length} rows are left out`)).toBe(
          counts.length < rows.length,
        );
      }),
      { numRuns: 150 },
    );
  });
});
