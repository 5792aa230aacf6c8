import { XMLParser, XMLValidator } from "fast-xml-parser";
import { type AggregateReport, type AggregateRow, type Authentication, UnreadableReport } from "./report";

/** Receivers with more rows than this split their reports; more is an attack on the reader. */
export const MAX_ROWS = 50_000;
/** Of all messages of a row; keeps sums exact. */
const MAX_COUNT = 1_000_000_000;
const MAX_NAME_CHARACTERS = 255;
const MS_PER_SECOND = 1_000;
/** Below the year 2106; some receivers write milliseconds. */
const MAX_SECONDS = 0xffff_ffff;

/** The schema's own is 5. */
const MAX_DEPTH = 20;

/**
 * Reads a DMARC aggregate report (RFC 7489 appendix C, RFC 9990). Names and addresses come back in lower case. Document type
 * declarations are refused, so no entity but the five of XML itself is ever expanded.
 *
 * @throws UnreadableReport
 */
export function parseAggregateReport(xml: string): AggregateReport {
  if (/<!DOCTYPE|<!ENTITY/i.test(xml)) throw new UnreadableReport("it declares a document type, which no report needs");
  const feedback = node(treeOf(xml)["feedback"], "feedback");
  const metadata = node(feedback["report_metadata"], "report_metadata");
  const range = node(metadata["date_range"], "date_range");
  const policy = node(feedback["policy_published"], "policy_published");
  const records = list(feedback["record"]);
  if (records.length > MAX_ROWS) throw new UnreadableReport(`it has more than ${MAX_ROWS} rows`);
  const domain = name(policy["domain"], "policy_published/domain");
  return {
    kind: "dmarc",
    reporter: text(metadata["org_name"], "org_name"),
    id: text(metadata["report_id"], "report_id"),
    domain,
    begin: moment(range["begin"], "date_range/begin"),
    end: moment(range["end"], "date_range/end"),
    policy: text(policy["p"], "policy_published/p").toLowerCase(),
    rows: records.map((record) => rowOf(node(record, "record"), domain)),
  };
}

function treeOf(xml: string): Tree {
  // The parser itself takes the beginning of a report for the report.
  const valid = attempt(() => XMLValidator.validate(xml));
  if (valid !== true) throw new UnreadableReport("it is not well-formed XML");
  const parser = new XMLParser({
    ignoreAttributes: true,
    removeNSPrefix: true,
    parseTagValue: false,
    maxNestedTags: MAX_DEPTH,
  });
  const tree: unknown = attempt(() => parser.parse(xml) as unknown);
  if (!isTree(tree)) throw new UnreadableReport("it is not well-formed XML");
  return tree;
}

function rowOf(record: Tree, domain: string): AggregateRow {
  const row = node(record["row"], "row");
  const evaluated = isTree(row["policy_evaluated"]) ? row["policy_evaluated"] : {};
  const identifiers = isTree(record["identifiers"]) ? record["identifiers"] : {};
  const results = isTree(record["auth_results"]) ? record["auth_results"] : {};
  return {
    sourceIp: text(row["source_ip"], "source_ip").toLowerCase(),
    count: count(row["count"]),
    disposition: optional(evaluated["disposition"])?.toLowerCase() ?? "none",
    dkimAligned: optional(evaluated["dkim"])?.toLowerCase() === "pass",
    spfAligned: optional(evaluated["spf"])?.toLowerCase() === "pass",
    reasons: list(evaluated["reason"]).flatMap((reason) => (isTree(reason) ? (optional(reason["type"]) ?? []) : [])),
    headerFrom: optional(identifiers["header_from"])?.toLowerCase() ?? domain,
    dkim: list(results["dkim"]).flatMap(authentication),
    spf: list(results["spf"]).flatMap(authentication),
  };
}

function authentication(value: unknown): Authentication[] {
  if (!isTree(value)) return [];
  const domain = optional(value["domain"])?.toLowerCase();
  const result = optional(value["result"])?.toLowerCase();
  if (domain === undefined || result === undefined) return [];
  const selector = optional(value["selector"])?.toLowerCase();
  return [{ domain, result, ...(selector === undefined ? {} : { selector }) }];
}

type Tree = Readonly<Record<string, unknown>>;

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function node(value: unknown, field: string): Tree {
  if (isTree(value)) return value;
  throw new UnreadableReport(`it has no ${field}`);
}

function list(value: unknown): readonly unknown[] {
  if (value === undefined || value === "") return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}

/** Where a receiver repeats a field that is there once, the first counts. */
function optional(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  const found = typeof first === "string" ? first.trim() : "";
  return found === "" ? undefined : found.slice(0, MAX_NAME_CHARACTERS);
}

function text(value: unknown, field: string): string {
  const found = optional(value);
  if (found === undefined) throw new UnreadableReport(`it has no ${field}`);
  return found;
}

function name(value: unknown, field: string): string {
  return text(value, field).toLowerCase().replace(/\.$/, "");
}

function count(value: unknown): number {
  const digits = text(value, "count");
  const number = Number(digits);
  if (!/^\d+$/.test(digits) || number > MAX_COUNT) throw new UnreadableReport("a count is no number of messages");
  return number;
}

function moment(value: unknown, field: string): Date {
  const digits = text(value, field);
  const seconds = Number(digits);
  if (!/^\d+$/.test(digits) || seconds > MAX_SECONDS) throw new UnreadableReport(`${field} is no time in seconds`);
  return new Date(seconds * MS_PER_SECOND);
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
