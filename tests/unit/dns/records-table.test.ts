import { mailRecords } from "../../../infra/dns/records";
import { renderRecordsTable } from "../../../infra/dns/records-table";
import type { MailRecord } from "../../../infra/dns/record";
import { augustin } from "./fixtures";

const record: MailRecord = {
  key: "txt-x",
  name: "x.augustin.ai",
  zone: "augustin.ai",
  data: { type: "TXT", text: "a|b" },
  ttl: 300,
  proxied: false,
  level: "optional",
  owner: "program",
  why: "One | two.",
};

describe("renderRecordsTable", () => {
  it("has one row for each record", () => {
    const records = mailRecords(augustin());
    const lines = renderRecordsTable(records).trimEnd().split("\n");
    expect(lines).toHaveLength(records.length + 2);
    expect(lines.slice(0, 2)).toEqual([
      "| Type | Name | Value | Level | Owner | Why |",
      "| --- | --- | --- | --- | --- | --- |",
    ]);
    expect(lines.every((line) => (line.match(/(?<!\\)\|/g) ?? []).length === 7)).toBe(true);
  });

  it("escapes what would end a cell", () => {
    expect(renderRecordsTable([record])).toContain(
      '| TXT | `x.augustin.ai` | `"a\\|b"` | optional | program | One \\| two. |\n',
    );
  });

  it("shortens a long value and says what is proxied", () => {
    const table = renderRecordsTable([{ ...record, proxied: true, data: { type: "TXT", text: "k".repeat(500) } }]);
    expect(table).toContain(`\`"${"k".repeat(92)}...\` proxied |`);
  });
});
