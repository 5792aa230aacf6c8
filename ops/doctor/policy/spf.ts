import type { DnsAnswer, RecordType } from "../context";

/** RFC 7208 section 4.6.4: beyond them a receiver answers permerror, which is no pass. */
export const MOST_LOOKUPS = 10;
export const MOST_VOID_LOOKUPS = 2;
/** Deeper than ten lookups can lead. */
const MOST_DEPTH = 10;

export interface SpfCost {
  /** Terms that ask the DNS, those of included records counted in. */
  readonly lookups: number;
  /** Of them, those without any answer. */
  readonly voids: number;
  readonly faults: readonly string[];
}

type Resolve = (name: string, type: RecordType) => Promise<DnsAnswer>;

const TERM = /^([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)([:/].*)?$/i;
const MODIFIER = /^(redirect|exp|[a-z][\w.-]*)=(.*)$/i;

/** Those TXT records of a name that are SPF records (RFC 7208 section 4.5). */
export function spfRecords(texts: readonly string[]): readonly string[] {
  return texts.filter((text) => /^v=spf1( |$)/i.test(text));
}

/** What evaluating an SPF record of `domain` costs at most: every term is counted, also behind one that would match. */
export async function spfCost(domain: string, text: string, resolve: Resolve, depth = 0): Promise<SpfCost> {
  if (depth > MOST_DEPTH) return { lookups: 0, voids: 0, faults: [`${domain} includes itself`] };
  const costs = await Promise.all(
    text
      .split(/ +/)
      .slice(1)
      .filter((term) => term !== "")
      .map((term) => termCost(domain, term, resolve, depth)),
  );
  return {
    lookups: costs.reduce((sum, { lookups }) => sum + lookups, 0),
    voids: costs.reduce((sum, { voids }) => sum + voids, 0),
    faults: costs.flatMap(({ faults }) => faults),
  };
}

async function termCost(domain: string, term: string, resolve: Resolve, depth: number): Promise<SpfCost> {
  const [, , mechanism = "", rest = ""] = TERM.exec(term) ?? [];
  const [, modifier = "", value = ""] = mechanism === "" ? (MODIFIER.exec(term) ?? []) : [];
  const name = mechanism.toLowerCase() || modifier.toLowerCase();
  const target = modifier === "" ? (/^:([^/]+)/.exec(rest)?.[1] ?? domain) : value;
  switch (name) {
    case "include":
    case "redirect":
      return await followed(target.toLowerCase().replace(/\.$/, ""), resolve, depth);
    case "a":
    case "exists":
      return await asked(target, ["A", "AAAA"], resolve);
    case "mx":
      return await asked(target, ["MX"], resolve);
    case "ptr":
      return { lookups: 1, voids: 0, faults: [] };
    case "":
      return { lookups: 0, voids: 0, faults: [`${term} in the record of ${domain} is no term of SPF`] };
    default:
      return { lookups: 0, voids: 0, faults: [] };
  }
}

async function followed(name: string, resolve: Resolve, depth: number): Promise<SpfCost> {
  // A macro's value depends on the sender; it costs a lookup whatever it becomes.
  if (name.includes("%{")) return { lookups: 1, voids: 0, faults: [] };
  const { records } = await resolve(name, "TXT");
  const [text, ...more] = spfRecords(records.map(({ value }) => value));
  if (text === undefined)
    return { lookups: 1, voids: records.length === 0 ? 1 : 0, faults: [`${name} has no SPF record`] };
  if (more.length > 0) return { lookups: 1, voids: 0, faults: [`${name} has ${more.length + 1} SPF records`] };
  const cost = await spfCost(name, text, resolve, depth + 1);
  return { ...cost, lookups: cost.lookups + 1 };
}

async function asked(target: string, types: readonly RecordType[], resolve: Resolve): Promise<SpfCost> {
  if (target.includes("%{")) return { lookups: 1, voids: 0, faults: [] };
  const answers = await Promise.all(types.map((type) => resolve(target, type)));
  return { lookups: 1, voids: answers.every(({ records }) => records.length === 0) ? 1 : 0, faults: [] };
}
