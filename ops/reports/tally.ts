import { createHash } from "node:crypto";
import { domainAdvice, type SeenPolicy, sourceAdvice, tlsAdvice } from "./advice";
import { classify, isWithin, passes } from "./classify";
import { reporterName, vouchesFor } from "./origin";
import type { AggregateReport, AggregateRow, Report, TlsReport } from "./report";
import { MAX_LISTED, type Reading, type Sender, type Source, type SourceKind, type Summary } from "./summary";

/** Stands for all further names once {@link MAX_LISTED} are known. */
const FURTHER = "(further ones)";
const KINDS: readonly SourceKind[] = ["own", "aligned", "forwarded", "foreign", "forged"];

/** What is known of the mail that brought a report. */
export interface Envelope {
  /** The domain that sent it, by the edge's verdict. */
  readonly origin?: string | undefined;
  /** The domain that its subject names (RFC 7489 section 7.2.1.1, RFC 8460 section 5.3). */
  readonly about?: string | undefined;
}

interface Group {
  readonly kind: SourceKind;
  readonly name: string;
  readonly addresses: Set<string>;
  readonly reporters: Set<string>;
  messages: number;
  passed: number;
  dkimPassed: number;
  spfPassed: number;
  stopped: number;
}

/** Adds up reports one by one and keeps none of them, only sums, bounded lists of names, and a hash of each report. */
export class Tally {
  readonly #sender: Sender;
  readonly #contents = new Set<string>();
  readonly #ids = new Set<string>();
  readonly #groups = new Map<string, Group>();
  readonly #problems = new Map<string, { count: number; readonly mx: Set<string> }>();
  readonly #reporters = new Set<string>();
  readonly #counts = { dmarc: 0, tls: 0, elsewhere: 0, repeated: 0, sameId: 0, unverified: 0 };
  readonly #tls = { successes: 0, failures: 0, elsewhere: 0 };
  #begin: Date | undefined;
  #end: Date | undefined;
  #latest: SeenPolicy | undefined;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** Counts a report if it is about the domain and no identical one came before. True when it counts. */
  add(report: Report, { origin, about }: Envelope = {}): boolean {
    if (this.#isRepeated(report)) return false;
    if (!this.#isAboutDomain(report, about)) {
      this.#counts.elsewhere += 1;
      return false;
    }
    const reporter = reporterName(report, origin);
    listed(this.#reporters, reporter);
    if (!vouchesFor(origin, report)) this.#counts.unverified += 1;
    this.#widen(report);
    if (report.kind === "dmarc") this.#addAggregate(report, reporter);
    else this.#addTls(report);
    return true;
  }

  summary(reading: Reading): Summary {
    const { dmarc, tls, ...counts } = this.#counts;
    const sources = this.#sources();
    const summary = {
      domain: this.#sender.domain,
      dmarcReports: dmarc,
      tlsReports: tls,
      reporters: sorted(this.#reporters),
      begin: this.#begin,
      end: this.#end,
      messages: sources.reduce((sum, { messages }) => sum + messages, 0),
      passed: sources.reduce((sum, { passed }) => sum + passed, 0),
      sources,
      tls: { ...this.#tls, problems: this.#tlsProblems() },
      ...counts,
      ...reading,
    };
    return { ...summary, advice: domainAdvice(summary, this.#latest, this.#sender) };
  }

  /** By content: a stranger chooses the id, and two reports with the same id may both be real. */
  #isRepeated(report: Report): boolean {
    const content = digest(report);
    if (this.#contents.has(content)) {
      this.#counts.repeated += 1;
      return true;
    }
    this.#contents.add(content);
    const { kind, reporter, id, begin, end } = report;
    const name = digest([kind, reporter.toLowerCase(), id, begin, end, report.kind === "dmarc" ? report.domain : ""]);
    if (this.#ids.has(name)) this.#counts.sameId += 1;
    this.#ids.add(name);
    return false;
  }

  #isAboutDomain(report: Report, about: string | undefined): boolean {
    if (report.kind === "dmarc") return this.#isOurs(report.domain);
    const names = report.policies.map(({ domain }) => domain);
    if (names.some((name) => name !== "" && this.#isOurs(name))) return true;
    // MX hosts serve other domains too; then the mail's subject says which domain the report is about.
    if (names.some((name) => name !== "" && !this.#isExchanger(name))) return false;
    return about === undefined || this.#isOurs(about);
  }

  #isOurs(name: string): boolean {
    return isWithin(name, this.#sender.domain);
  }

  #isExchanger(name: string): boolean {
    return this.#sender.exchangers.includes(name);
  }

  #widen({ begin, end }: Report): void {
    // A period that ends before it begins is ignored.
    if (begin === undefined || end === undefined || begin > end) return;
    if (this.#begin === undefined || begin < this.#begin) this.#begin = begin;
    if (this.#end === undefined || end > this.#end) this.#end = end;
  }

  #addAggregate({ rows, domain, policy, end }: AggregateReport, reporter: string): void {
    this.#counts.dmarc += 1;
    for (const row of rows) this.#addRow(row, reporter);
    const isLater = end !== undefined && (this.#latest === undefined || end > this.#latest.end);
    if (isLater && domain === this.#sender.domain && policy !== "") this.#latest = { reporter, policy, end };
  }

  #addRow(row: AggregateRow, reporter: string): void {
    const { kind, name } = classify(row, this.#sender);
    const group = this.#group(kind, name);
    group.messages += row.count;
    if (passes(row)) group.passed += row.count;
    if (row.dkimAligned) group.dkimPassed += row.count;
    if (row.spfAligned) group.spfPassed += row.count;
    if (row.disposition === "quarantine" || row.disposition === "reject") group.stopped += row.count;
    listed(group.addresses, row.sourceIp || "(no address)");
    listed(group.reporters, reporter);
  }

  #group(kind: SourceKind, name: string): Group {
    const known = this.#groups.get(`${kind} ${name}`);
    if (known !== undefined) return known;
    if (this.#groups.size >= MAX_LISTED && name !== FURTHER) return this.#group(kind, FURTHER);
    const counts = { messages: 0, passed: 0, dkimPassed: 0, spfPassed: 0, stopped: 0 };
    const group: Group = { kind, name, addresses: new Set(), reporters: new Set(), ...counts };
    this.#groups.set(`${kind} ${name}`, group);
    return group;
  }

  #addTls({ policies }: TlsReport): void {
    this.#counts.tls += 1;
    for (const { domain, successes, failures, details } of policies) {
      if (domain !== "" && !this.#isOurs(domain) && !this.#isExchanger(domain)) {
        this.#tls.elsewhere += 1;
        continue;
      }
      this.#tls.successes += successes;
      this.#tls.failures += failures;
      for (const { type, count, mx } of details) this.#addFailure(type, count, mx);
    }
  }

  #addFailure(type: string, count: number, mx: string | undefined): void {
    const name = this.#problems.has(type) || this.#problems.size < MAX_LISTED ? type : FURTHER;
    const problem = this.#problems.get(name) ?? { count: 0, mx: new Set<string>() };
    problem.count += count;
    if (mx !== undefined) listed(problem.mx, mx);
    this.#problems.set(name, problem);
  }

  #sources(): Source[] {
    return [...this.#groups.values()]
      .map(({ addresses, reporters, ...group }) => {
        const source = { ...group, addresses: sorted(addresses), reporters: sorted(reporters) };
        return { ...source, advice: sourceAdvice(source, this.#sender) };
      })
      .sort(
        (one, other) =>
          KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) ||
          other.messages - one.messages ||
          compare(one.name, other.name),
      );
  }

  #tlsProblems() {
    return [...this.#problems]
      .map(([type, { count, mx }]) => ({
        type,
        count,
        mx: sorted(mx),
        advice: tlsAdvice(type, this.#sender.domain),
      }))
      .sort((one, other) => other.count - one.count || compare(one.type, other.type));
  }
}

function listed(names: Set<string>, name: string): void {
  names.add(names.size < MAX_LISTED || names.has(name) ? name : FURTHER);
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64");
}

function sorted(texts: ReadonlySet<string>): readonly string[] {
  return [...texts].sort(compare);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
