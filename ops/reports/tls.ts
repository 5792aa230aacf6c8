import { type TlsFailure, type TlsPolicy, type TlsReport, UnreadableReport } from "./report";

const MAX_POLICIES = 1_000;
const MAX_DETAILS = 10_000;
const MAX_COUNT = 1_000_000_000;
const MAX_NAME_CHARACTERS = 255;

/**
 * Reads an SMTP TLS report (RFC 8460 section 4.4). A report covers one domain; policies about another one are left out.
 *
 * @throws UnreadableReport
 */
export function parseTlsReport(json: string): TlsReport {
  const report = object(parsed(json), "a JSON object");
  const range = object(report["date-range"], "date-range");
  const items = list(report["policies"], MAX_POLICIES, "policies");
  const [first] = items;
  const domain = domainOf(object(first, "policies"));
  return {
    kind: "tls",
    reporter: text(report["organization-name"], "organization-name"),
    id: text(report["report-id"], "report-id"),
    domain,
    begin: moment(range["start-datetime"], "start-datetime"),
    end: moment(range["end-datetime"], "end-datetime"),
    policies: items
      .map((item) => object(item, "policies"))
      .filter((item) => domainOf(item) === domain)
      .map(policyOf),
  };
}

function policyOf(item: Json): TlsPolicy {
  const summary = object(item["summary"], "summary");
  return {
    type: text(object(item["policy"], "policy")["policy-type"], "policy-type").toLowerCase(),
    successes: count(summary["total-successful-session-count"], "total-successful-session-count"),
    failures: count(summary["total-failure-session-count"], "total-failure-session-count"),
    details: list(item["failure-details"] ?? [], MAX_DETAILS, "failure-details").map(failureOf),
  };
}

function failureOf(value: unknown): TlsFailure {
  const detail = object(value, "failure-details");
  const mx = detail["receiving-mx-hostname"];
  return {
    type: text(detail["result-type"], "result-type").toLowerCase(),
    count: count(detail["failed-session-count"], "failed-session-count"),
    mx: typeof mx === "string" ? mx.slice(0, MAX_NAME_CHARACTERS).toLowerCase().replace(/\.$/, "") : undefined,
  };
}

function domainOf(item: Json): string {
  return text(object(item["policy"], "policy")["policy-domain"], "policy-domain").toLowerCase().replace(/\.$/, "");
}

type Json = Readonly<Record<string, unknown>>;

function parsed(json: string): unknown {
  try {
    return JSON.parse(json.replace(/^\uFEFF/, "")) as unknown;
  } catch {
    throw new UnreadableReport("it is not JSON");
  }
}

function object(value: unknown, field: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new UnreadableReport(`it has no ${field}`);
}

function list(value: unknown, limit: number, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new UnreadableReport(`it has no ${field}`);
  if (value.length > limit) throw new UnreadableReport(`it has more than ${limit} ${field}`);
  return value as readonly unknown[];
}

function text(value: unknown, field: string): string {
  if (typeof value !== "string" || value.trim() === "") throw new UnreadableReport(`it has no ${field}`);
  return value.trim().slice(0, MAX_NAME_CHARACTERS);
}

/** Some senders quote their numbers. */
function count(value: unknown, field: string): number {
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number <= MAX_COUNT) return number;
  throw new UnreadableReport(`${field} is no number of sessions`);
}

function moment(value: unknown, field: string): Date {
  const found = new Date(text(value, field));
  if (Number.isNaN(found.getTime())) throw new UnreadableReport(`${field} is no time`);
  return found;
}
