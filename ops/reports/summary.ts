import { getDomain } from "tldts";
import type { AggregateReport, AggregateRow, Report, TlsReport } from "./report";

/** What the summary knows of the deployment. */
export interface Sender {
  readonly domain: string;
  /** Selectors with which the deployment itself signs: Stalwart's two and Resend's. */
  readonly selectors: readonly string[];
  /** Envelope domains that the deployment uses, `send.example.org`. */
  readonly envelopes: readonly string[];
  readonly policy: "none" | "quarantine" | "reject";
}

/**
 * `own`: passes with the deployment's keys or envelope; `aligned`: passes with another of the domain's keys; `forwarded`: its
 * own signature is gone or its route has changed, and a receiver said so; `foreign`: authenticates as somebody else;
 * `forged`: authenticates as nobody.
 */
export type SourceKind = "own" | "aligned" | "forwarded" | "foreign" | "forged";

/** Everybody who sends in the same way under the domain's name. */
export interface Source {
  readonly kind: SourceKind;
  /** The organisation as its mail authenticates, or its network. */
  readonly name: string;
  readonly addresses: readonly string[];
  readonly messages: number;
  /** Passed DMARC: an aligned signature or an aligned envelope. */
  readonly passed: number;
  readonly dkimPassed: number;
  readonly spfPassed: number;
  /** Put aside or refused by receivers. */
  readonly stopped: number;
  readonly reporters: readonly string[];
  readonly advice: string;
}

export interface TlsSummary {
  readonly successes: number;
  readonly failures: number;
  readonly problems: readonly {
    readonly type: string;
    readonly count: number;
    readonly mx: readonly string[];
    readonly advice: string;
  }[];
}

export interface Summary {
  readonly domain: string;
  /** Distinct reports that count. */
  readonly dmarcReports: number;
  readonly tlsReports: number;
  readonly reporters: readonly string[];
  readonly begin: Date | undefined;
  readonly end: Date | undefined;
  readonly messages: number;
  readonly passed: number;
  readonly sources: readonly Source[];
  readonly tls: TlsSummary;
  /** The domain as a whole. */
  readonly advice: readonly string[];
  /** Reports about domains that are not this one. */
  readonly elsewhere: number;
}

/** Adds reports up. A report that came twice counts once, and one about another domain not at all. */
export function summarise(reports: readonly Report[], sender: Sender): Summary {
  const distinct = [...new Map(reports.map((report) => [keyOf(report), report])).values()];
  const about = distinct.filter(({ domain }) => domain === sender.domain || domain.endsWith(`.${sender.domain}`));
  const dmarc = about.filter((report): report is AggregateReport => report.kind === "dmarc");
  const tls = about.filter((report): report is TlsReport => report.kind === "tls");
  const sources = sourcesOf(dmarc, sender);
  const times = about.flatMap(({ begin, end }) => [begin, end]).sort((one, other) => one.getTime() - other.getTime());
  return {
    domain: sender.domain,
    dmarcReports: dmarc.length,
    tlsReports: tls.length,
    reporters: unique(about.map(({ reporter }) => reporter)),
    begin: times[0],
    end: times.at(-1),
    messages: sum(sources.map(({ messages }) => messages)),
    passed: sum(sources.map(({ passed }) => passed)),
    sources,
    tls: tlsSummary(tls),
    advice: domainAdvice(dmarc, tls, sources, sender),
    elsewhere: distinct.length - about.length,
  };
}

function keyOf({ kind, reporter, id, domain }: Report): string {
  return JSON.stringify([kind, reporter.toLowerCase(), id, domain]);
}

function sourcesOf(reports: readonly AggregateReport[], sender: Sender): Source[] {
  const groups = new Map<string, { kind: SourceKind; name: string; rows: { row: AggregateRow; reporter: string }[] }>();
  for (const { rows, reporter } of reports)
    for (const row of rows) {
      const { kind, name } = classify(row, sender);
      const key = `${kind} ${name}`;
      const group = groups.get(key) ?? { kind, name, rows: [] };
      group.rows.push({ row, reporter });
      groups.set(key, group);
    }
  return [...groups.values()]
    .map(({ kind, name, rows }) => {
      const counted = (test: (row: AggregateRow) => boolean) =>
        sum(rows.filter(({ row }) => test(row)).map(({ row }) => row.count));
      const source = {
        kind,
        name,
        addresses: unique(rows.map(({ row }) => row.sourceIp)),
        messages: counted(() => true),
        passed: counted(passes),
        dkimPassed: counted(({ dkimAligned }) => dkimAligned),
        spfPassed: counted(({ spfAligned }) => spfAligned),
        stopped: counted(({ disposition }) => disposition === "quarantine" || disposition === "reject"),
        reporters: unique(rows.map(({ reporter }) => reporter)),
      };
      return { ...source, advice: sourceAdvice(source, sender) };
    })
    .sort(
      (one, other) =>
        KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) ||
        other.messages - one.messages ||
        compare(one.name, other.name),
    );
}

const KINDS: readonly SourceKind[] = ["own", "aligned", "forwarded", "foreign", "forged"];

function passes({ dkimAligned, spfAligned }: AggregateRow): boolean {
  return dkimAligned || spfAligned;
}

/** Who a row's mail is from, by what authenticates it: addresses change, keys and envelopes say who was in charge. */
function classify(row: AggregateRow, { domain, selectors, envelopes }: Sender): { kind: SourceKind; name: string } {
  const signatures = row.dkim.filter(({ result }) => result === "pass");
  const envelope = row.spf.find(({ result }) => result === "pass")?.domain;
  const isOurs = (name: string) => name === domain || name.endsWith(`.${domain}`);
  const signature = signatures.find((item) => isOurs(item.domain));
  const hasOwnKey = signature?.selector !== undefined && selectors.includes(signature.selector);
  const hasOwnEnvelope = row.spf.some((item) => envelopes.includes(item.domain));
  if (passes(row)) {
    if (row.dkimAligned && !row.spfAligned && envelope !== undefined && !isOurs(envelope))
      return { kind: "forwarded", name: organisation(envelope) };
    if (hasOwnKey) return { kind: "own", name: `key ${signature.selector}` };
    if (row.spfAligned && hasOwnEnvelope) return { kind: "own", name: envelope ?? domain };
    if (signature)
      return { kind: "aligned", name: signature.selector ? `key ${signature.selector}` : signature.domain };
    return { kind: "aligned", name: envelope ?? domain };
  }
  if (row.reasons.some((reason) => /forward|mailing_list|local_policy/.test(reason)))
    return { kind: "forwarded", name: envelope === undefined ? network(row.sourceIp) : organisation(envelope) };
  // A signature with an own key that does not verify: own mail that was changed on the way.
  if (row.dkim.some((item) => isOurs(item.domain) && item.selector !== undefined && selectors.includes(item.selector)))
    return { kind: "forwarded", name: envelope === undefined ? network(row.sourceIp) : organisation(envelope) };
  const other = signatures.find((item) => !isOurs(item.domain))?.domain ?? envelope;
  // An own key that fails under the own envelope is a broken record, not a stranger.
  if (hasOwnEnvelope && envelope !== undefined) return { kind: "own", name: envelope };
  if (other !== undefined) return { kind: "foreign", name: organisation(other) };
  return { kind: "forged", name: network(row.sourceIp) };
}

function sourceAdvice(source: Omit<Source, "advice">, { domain, policy }: Sender): string {
  switch (source.kind) {
    case "own":
      if (source.passed < source.messages)
        return "Your own mail fails. Compare the published records with the wanted ones: npm run zone";
      if (source.dkimPassed < source.messages)
        return "The signature fails for some, the envelope saves them. Check the DKIM records: npm run zone";
      return "Nothing to do.";
    case "aligned":
      return `Has a key or envelope of ${domain} that this stack does not know. If you do not know it either, take that record away.`;
    case "forwarded":
      return source.passed === source.messages
        ? "Nothing to do: forwarded, and the signature survived."
        : "Forwarders and lists broke some. Nothing to do unless people miss your mail.";
    case "foreign":
      return `If it sends for you, have it sign as ${domain}. Otherwise nothing to do: ${stopping(policy)}`;
    case "forged":
      return `Nobody vouches for it: ${stopping(policy)}`;
  }
}

function stopping(policy: Sender["policy"]): string {
  if (policy === "reject") return "the policy has it refused.";
  if (policy === "quarantine") return "the policy has it put aside.";
  return "the policy lets it through.";
}

function domainAdvice(
  dmarc: readonly AggregateReport[],
  tls: readonly TlsReport[],
  sources: readonly Source[],
  { domain, policy }: Sender,
): string[] {
  const advice: string[] = [];
  if (dmarc.length === 0)
    advice.push(
      `No DMARC report about ${domain}. Receivers send one a day if they had mail from you. Look whether rua is published: npm run zone`,
    );
  if (tls.length === 0)
    advice.push(`No TLS report about ${domain}. They come daily from the largest senders only, so this may be right.`);
  const latest = [...dmarc]
    .filter((report) => report.domain === domain)
    .sort((one, other) => other.end.getTime() - one.end.getTime())[0];
  if (latest !== undefined && latest.policy !== policy)
    advice.push(
      `${latest.reporter} last saw the policy ${latest.policy}, the stack says ${policy}. If the change is older than a day: pulumi preview`,
    );
  const own = sources.filter(({ kind }) => kind === "own" || kind === "aligned");
  const fails = own.some(({ passed, messages }) => passed < messages);
  if (policy !== "reject" && own.length > 0 && !fails)
    advice.push(`All your own mail passes. The policy can be stricter: pulumi config set mail:dmarcPolicy reject`);
  return advice;
}

const TLS_ADVICE: Readonly<Record<string, string>> = {
  "starttls-not-supported":
    "The MX is Cloudflare's and offers TLS: somebody between strips it, or the sender asked another host.",
  "certificate-host-mismatch": "The MX record or the policy names a wrong host. Compare: npm run zone",
  "certificate-expired": "The MX is Cloudflare's: look at their status page. Nothing to do here.",
  "certificate-not-trusted": "The MX is Cloudflare's: look at their status page. Nothing to do here.",
  "sts-policy-fetch-error":
    "The policy's Worker did not answer. Look at it: curl https://mta-sts.DOMAIN/.well-known/mta-sts.txt",
  "sts-policy-invalid": "The policy is malformed. Look at it: curl https://mta-sts.DOMAIN/.well-known/mta-sts.txt",
  "sts-webpki-invalid": "The certificate of mta-sts.DOMAIN is not valid: see the Worker's custom domain at Cloudflare.",
  "validation-failure": "Only a general failure is reported. Wait for a second report before doing anything.",
};

function tlsSummary(reports: readonly TlsReport[]): TlsSummary {
  const policies = reports.flatMap((report) => report.policies.map((policy) => ({ ...policy, domain: report.domain })));
  const problems = new Map<string, { count: number; mx: string[]; domain: string }>();
  for (const { details, domain } of policies)
    for (const { type, count, mx } of details) {
      const known = problems.get(type) ?? { count: 0, mx: [], domain };
      problems.set(type, { ...known, count: known.count + count, mx: mx === undefined ? known.mx : [...known.mx, mx] });
    }
  return {
    successes: sum(policies.map(({ successes }) => successes)),
    failures: sum(policies.map(({ failures }) => failures)),
    problems: [...problems]
      .map(([type, { count, mx, domain }]) => {
        const advice = (Object.hasOwn(TLS_ADVICE, type) ? TLS_ADVICE[type] : undefined) ?? "See RFC 8460 section 4.3.";
        return { type, count, mx: unique(mx), advice: advice.replaceAll("DOMAIN", () => domain) };
      })
      .sort((one, other) => other.count - one.count || compare(one.type, other.type)),
  };
}

function organisation(domain: string): string {
  return getDomain(domain) ?? domain;
}

/** Its /24 or /48: those who forge have many addresses. */
function network(ip: string): string {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(ip)) return ip.replace(/\d+$/, "0/24");
  if (!ip.includes(":")) return ip;
  const [head = ""] = ip.split("::");
  const groups = head
    .split(":")
    .filter((group) => group !== "")
    .slice(0, 3);
  return `${[...groups, "0", "0", "0"].slice(0, 3).join(":")}::/48`;
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort(compare);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
