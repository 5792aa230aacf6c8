/** Reads many reports in one process, whose heap the test bounds. Started by memory.test.ts with the numbers of both. */
import type { Found } from "../../../ops/reports/mailbox";
import { readAll } from "../../../ops/reports/read-all";
import { gzipped, multipartMail } from "./mails";

const [reports = 0, rows = 0] = process.argv.slice(2).map(Number);

function* mails(): Generator<Found> {
  for (let id = 0; id < reports; id += 1) {
    const records = Array.from(
      { length: rows },
      (_, row) =>
        `<record><row><source_ip>2001:db8:${row.toString(16)}::${id.toString(16)}</source_ip><count>1</count>` +
        "<policy_evaluated><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><auth_results><dkim>" +
        "<domain>example.org</domain><selector>x</selector><result>pass</result></dkim></auth_results></record>",
    );
    const xml =
      `<feedback><report_metadata><org_name>r.example</org_name><report_id>${id}</report_id></report_metadata>` +
      `<policy_published><domain>example.org</domain><p>none</p></policy_published>${records.join("")}</feedback>`;
    const raw = multipartMail({ type: "application/gzip", filename: "r.xml.gz", content: gzipped(xml) });
    yield { kind: "mail", subject: "Report Domain: example.org", receivedAt: "2026-11-01T00:00:00Z", raw };
  }
}

async function* arriving(): AsyncGenerator<Found> {
  for (const mail of mails()) yield await Promise.resolve(mail);
}

const sender = { domain: "example.org", selectors: [], envelopes: [], exchangers: [], policy: "none" } as const;
void readAll(arriving(), sender).then(({ dmarcReports, messages }) =>
  process.stdout.write(JSON.stringify({ dmarcReports, messages })),
);
