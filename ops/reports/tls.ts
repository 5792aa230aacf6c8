import { Gaps } from "./gaps";
import { type TlsFailure, type TlsPolicy, type TlsReport, UnreadableReport } from "./report";
import { domainOfAddress, firstText, isTree, MAX_COUNT, type Tree, wholeNumber } from "./values";

const MAX_POLICIES = 1_000;
const MAX_DETAILS = 10_000;

/**
 * Reads an SMTP TLS report (RFC 8460 section 4.4), with the policies about all names in it. What cannot be read is listed in
 * `gaps`; the rest is used.
 *
 * @throws UnreadableReport when it is not JSON or has no policies
 */
export function parseTlsReport(json: string): TlsReport {
  const report = parsed(json);
  const policies = report["policies"];
  if (!Array.isArray(policies)) throw new UnreadableReport("it has no policies");
  const items: readonly unknown[] = policies;
  const gaps = new Gaps();
  const range = isTree(report["date-range"]) ? report["date-range"] : {};
  if (items.length > MAX_POLICIES)
    gaps.add(`policies after the first ${MAX_POLICIES} are left out`, items.length - MAX_POLICIES);
  return {
    kind: "tls",
    reporter: firstText(report["organization-name"]) ?? "",
    contact: domainOfAddress(firstText(report["contact-info"])),
    id: firstText(report["report-id"]) ?? "",
    begin: moment(range["start-datetime"], "start-datetime", gaps),
    end: moment(range["end-datetime"], "end-datetime", gaps),
    policies: items.slice(0, MAX_POLICIES).flatMap((item) => policyOf(item, gaps)),
    gaps: gaps.told(),
  };
}

function policyOf(value: unknown, gaps: Gaps): TlsPolicy[] {
  const item = isTree(value) ? value : {};
  const policy = isTree(item["policy"]) ? item["policy"] : {};
  const summary = isTree(item["summary"]) ? item["summary"] : {};
  const given: unknown = item["failure-details"] ?? [];
  const all: readonly unknown[] = Array.isArray(given) ? (given as readonly unknown[]) : [given];
  if (all.length > MAX_DETAILS)
    gaps.add(`failures after the first ${MAX_DETAILS} are left out`, all.length - MAX_DETAILS);
  const details = all.slice(0, MAX_DETAILS).flatMap((detail) => failureOf(detail, gaps));
  const successes = count(summary["total-successful-session-count"]);
  const failures = count(summary["total-failure-session-count"]);
  if (successes === undefined && failures === undefined && details.length === 0) {
    gaps.add("policies are left out: they have no number of sessions");
    return [];
  }
  if (successes === undefined || failures === undefined)
    gaps.add("policies give only one of the two numbers of sessions");
  return [
    {
      domain: hostName(policy["policy-domain"]),
      type: firstText(policy["policy-type"])?.toLowerCase() ?? "",
      successes: successes ?? 0,
      failures: failures ?? details.reduce((sum, detail) => sum + detail.count, 0),
      details,
    },
  ];
}

function failureOf(value: unknown, gaps: Gaps): TlsFailure[] {
  const detail = isTree(value) ? value : {};
  const failed = count(detail["failed-session-count"]);
  if (failed === undefined) {
    gaps.add("failures are left out: they have no number of sessions");
    return [];
  }
  const mx = hostName(detail["receiving-mx-hostname"]);
  const type = firstText(detail["result-type"])?.toLowerCase() ?? "unknown";
  return [{ type, count: failed, mx: mx === "" ? undefined : mx }];
}

function parsed(json: string): Tree {
  try {
    const report: unknown = JSON.parse(json.slice(0, json.lastIndexOf("}") + 1));
    if (isTree(report)) return report;
  } catch {
    // As below.
  }
  throw new UnreadableReport("it is not JSON");
}

function count(value: unknown): number | undefined {
  const number = wholeNumber(value);
  return number === undefined || number > MAX_COUNT ? undefined : number;
}

/** Of DANE some write the name of the TLSA record, `_25._tcp.mx.example.org`. */
function hostName(value: unknown): string {
  const text = firstText(value)?.toLowerCase() ?? "";
  return text.replace(/\.$/, "").replace(/^_\d+\._tcp\./, "");
}

function moment(value: unknown, field: string, gaps: Gaps): Date | undefined {
  const found = new Date(firstText(value) ?? "");
  if (!Number.isNaN(found.getTime()) && found.getTime() >= 0) return found;
  gaps.add(`unreadable ${field}`);
  return undefined;
}
