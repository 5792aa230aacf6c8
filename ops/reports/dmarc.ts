import { XMLParser, XMLValidator } from "fast-xml-parser";
import { Gaps } from "./gaps";
import { type AggregateReport, type AggregateRow, type Authentication, UnreadableReport } from "./report";
import { domainOfAddress, firstText, isTree, MAX_COUNT, wholeNumber, type Tree } from "./values";

/** Receivers with more rows than this split their reports; further rows are reported and not counted. */
export const MAX_ROWS = 50_000;
const MS_PER_SECOND = 1_000;
/** In the year 2106; a larger number is in milliseconds, as some receivers write. */
const MAX_SECONDS = 0xffff_ffff;

const BARE_AMPERSAND = /&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});)/gi;

/** The schema's own is 5. */
const MAX_DEPTH = 20;

/**
 * Reads a DMARC aggregate report (RFC 7489 appendix C, RFC 9990). Names and addresses come back in lower case. Rows that
 * cannot be counted and fields that cannot be read are listed in `gaps`; the rest is used. Document type declarations are
 * refused, so no entity but the five of XML itself is ever expanded.
 *
 * @throws UnreadableReport when it is not XML, not a report, or does not say which domain it is about
 */
export function parseAggregateReport(xml: string): AggregateReport {
  if (/<!DOCTYPE|<!ENTITY/i.test(xml)) throw new UnreadableReport("it declares a document type, which no report needs");
  const root = list(treeOf(xml)["feedback"]);
  const feedback = merged(root);
  if (feedback === undefined) throw new UnreadableReport("it has no feedback");
  const gaps = new Gaps();
  const metadata = merged(list(feedback["report_metadata"])) ?? {};
  const range = merged(list(metadata["date_range"])) ?? {};
  const policies = list(feedback["policy_published"]).filter(isTree);
  const policy = policies.find((each) => firstText(each["domain"]) !== undefined) ?? policies[0] ?? {};
  if (new Set(policies.map((each) => JSON.stringify(each))).size > 1)
    gaps.add("policies that differ are published in it; the first counts", policies.length);
  const records = list(feedback["record"]);
  if (records.length > MAX_ROWS) gaps.add(`rows after the first ${MAX_ROWS} are left out`, records.length - MAX_ROWS);
  const domain = domainOf(policy, records);
  if (domain === undefined) throw new UnreadableReport("it has no policy_published/domain");
  return {
    kind: "dmarc",
    reporter: firstText(metadata["org_name"]) ?? "",
    contact: domainOfAddress(firstText(metadata["email"])),
    id: firstText(metadata["report_id"]) ?? "",
    domain,
    begin: moment(range["begin"], "begin", gaps),
    end: moment(range["end"], "end", gaps),
    policy: firstText(policy["p"])?.toLowerCase() ?? "",
    rows: records.slice(0, MAX_ROWS).flatMap((record) => rowOf(record, domain, gaps)),
    gaps: gaps.told(),
  };
}

function treeOf(xml: string): Tree {
  // Mail programs and archives add white space, zeros or a signature after the last element.
  const text = /^[\s\S]*<\/(?:[\w.-]+:)?feedback\s*>/.exec(xml)?.[0] ?? xml;
  // The parser itself takes the beginning of a report for the report.
  const isValid = (candidate: string) => attempt(() => XMLValidator.validate(candidate)) === true;
  // A company's name with a bare ampersand is the most common fault.
  const valid = [text, text.replace(BARE_AMPERSAND, "&amp;")].find(isValid);
  if (valid === undefined) throw new UnreadableReport("it is not well-formed XML");
  const parser = new XMLParser({
    ignoreAttributes: true,
    removeNSPrefix: true,
    parseTagValue: false,
    maxNestedTags: MAX_DEPTH,
  });
  const tree: unknown = attempt(() => parser.parse(valid) as unknown);
  if (!isTree(tree)) throw new UnreadableReport("it is not well-formed XML");
  return tree;
}

/** One element from several of the same kind: each field comes from the first element that has it; lists are joined. */
function merged(elements: readonly unknown[]): Tree | undefined {
  const trees = elements.filter(isTree);
  if (trees.length < 2) return trees[0];
  const fields = new Map<string, unknown>();
  for (const tree of trees)
    for (const [name, value] of Object.entries(tree)) {
      const known = fields.get(name);
      fields.set(name, known === undefined ? value : [...list(known), ...list(value)]);
    }
  return Object.fromEntries(fields);
}

/** Without a published policy, the domain that the rows' mail named. */
function domainOf(policy: Tree, records: readonly unknown[]): string | undefined {
  const named = firstText(policy["domain"]);
  if (named !== undefined) return hostName(named);
  for (const record of records) {
    const identifiers = isTree(record) ? merged(list(record["identifiers"])) : undefined;
    const from = firstText(identifiers?.["header_from"]);
    if (from !== undefined) return hostName(from);
  }
  return undefined;
}

function rowOf(value: unknown, domain: string, gaps: Gaps): AggregateRow[] {
  const record = isTree(value) ? value : {};
  const row = merged(list(record["row"])) ?? {};
  const count = wholeNumber(row["count"]);
  if (count === undefined || count > MAX_COUNT) {
    gaps.add("rows are left out: their count is not a number of messages");
    return [];
  }
  const evaluated = merged(list(row["policy_evaluated"]));
  if (evaluated === undefined) gaps.add("rows have no policy_evaluated and count as failed");
  const sourceIp = firstText(row["source_ip"])?.toLowerCase() ?? "";
  if (sourceIp === "") gaps.add("rows have no source_ip and count anyway");
  const identifiers = merged(list(record["identifiers"])) ?? {};
  const results = merged(list(record["auth_results"])) ?? {};
  return [
    {
      sourceIp,
      count,
      disposition: firstText(evaluated?.["disposition"])?.toLowerCase() ?? "none",
      dkimAligned: firstText(evaluated?.["dkim"])?.toLowerCase() === "pass",
      spfAligned: firstText(evaluated?.["spf"])?.toLowerCase() === "pass",
      reasons: list(evaluated?.["reason"]).flatMap((reason) =>
        isTree(reason) ? (firstText(reason["type"])?.toLowerCase() ?? []) : [],
      ),
      headerFrom: firstText(identifiers["header_from"])?.toLowerCase() ?? domain,
      dkim: list(results["dkim"]).flatMap(authentication),
      spf: list(results["spf"]).flatMap(authentication),
    },
  ];
}

function authentication(value: unknown): Authentication[] {
  if (!isTree(value)) return [];
  const domain = firstText(value["domain"]);
  const result = firstText(value["result"])?.toLowerCase();
  if (domain === undefined || result === undefined) return [];
  const selector = firstText(value["selector"])?.toLowerCase();
  const scope = firstText(value["scope"])?.toLowerCase();
  return [
    {
      domain: hostName(domain),
      result,
      ...(selector === undefined ? {} : { selector }),
      ...(scope === undefined ? {} : { scope }),
    },
  ];
}

function list(value: unknown): readonly unknown[] {
  if (value === undefined || value === "") return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}

function hostName(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}

/** Seconds since 1970; some receivers write milliseconds or a date. */
function moment(value: unknown, field: string, gaps: Gaps): Date | undefined {
  const text = firstText(value) ?? "";
  const number = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  const ms = number === undefined ? Date.parse(text) : number > MAX_SECONDS ? number : number * MS_PER_SECOND;
  if (ms >= 0 && ms <= MAX_SECONDS * MS_PER_SECOND) return new Date(ms);
  gaps.add(`unreadable date_range/${field}`);
  return undefined;
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
