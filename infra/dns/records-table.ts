import { presentation } from "./rdata";
import type { MailRecord } from "./record";

/** Enough for every value but a public key. */
const VALUE_CHARACTERS = 96;

/** The records as a markdown table for the reference page, in the order given. */
export function renderRecordsTable(records: readonly MailRecord[]): string {
  const rows = records.map(({ name, data, proxied, level, owner, why }) => [
    data.type,
    code(name),
    code(shorten(presentation(data))) + (proxied ? " proxied" : ""),
    level,
    owner,
    escape(why),
  ]);
  const head = ["Type", "Name", "Value", "Level", "Owner", "Why"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

function shorten(value: string): string {
  return value.length <= VALUE_CHARACTERS ? value : `${value.slice(0, VALUE_CHARACTERS - 3)}...`;
}

/** A pipe ends a table cell even inside a code span. */
function escape(text: string): string {
  return text.replaceAll("|", "\\|");
}

function code(text: string): string {
  return `\`${escape(text)}\``;
}
