import { mailRecords } from "../infra/dns/records";
import { AREAS } from "../ops/doctor/check";
import { checksOf } from "../ops/doctor/checks";
import { documentedSettings } from "./records";

/** The table of checks in docs/doctor.md: those of the documented deployment. */
export function renderChecksReference(): string {
  const settings = documentedSettings();
  const checks = checksOf({ stack: "prod", settings, records: mailRecords(settings), outputs: {}, further: new Map() });
  const rows = checks.map(({ id, area, title, why, credentials }) => [
    `\`${id}\``,
    AREAS[area],
    escape(title),
    credentials.join(", ") || "nothing",
    escape(why),
  ]);
  const head = ["Id", "Area", "What", "Needs", "Why"];
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`);
  return `\n<!-- prettier-ignore -->\n${lines.join("")}\n`;
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|");
}
