import type { Level, MailRecord } from "../../../infra/dns/record";
import { type Check, error, type Finding, ok, TITLE_CHARACTERS, warning } from "../check";
import type { Context, Deployment, NameServer, RecordType } from "../context";
import { expectedValue } from "../dns/value";
import { askAll, converge, isDkimKey, list, publicCheck, recordId, relative, worst } from "./ask";
import { ZONE_ANSWERS } from "./delegation";

/** Of tailnets (RFC 6598). */
const TAILNET_ADDRESS = /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./;

/**
 * One check for each record set of the zone that the program declares: every name server has exactly its values. What is
 * malformed is told by the policy checks, which come first.
 */
export function recordChecks(deployment: Deployment): readonly Check[] {
  const { records, settings } = deployment;
  const own = records.filter(({ zone }) => zone === settings.domain);
  const sets = new Map<string, RecordSet>();
  for (const record of own) {
    const id = recordId(record.data.type, record.name, settings.domain);
    const [first, ...more] = sets.get(id) ?? [];
    sets.set(id, first === undefined ? [record] : [first, ...more, record]);
  }
  return [...sets].map(([id, set]) => checkOf(id, set, deployment));
}

const LEVELS: readonly Level[] = ["required", "recommended", "optional"];

/** It speaks for the set. */
function strictest(set: RecordSet): MailRecord {
  return set.reduce((found, record) => (LEVELS.indexOf(record.level) < LEVELS.indexOf(found.level) ? record : found));
}

type RecordSet = readonly [MailRecord, ...MailRecord[]];

function checkOf(id: string, set: RecordSet, deployment: Deployment): Check {
  const { domain, dkim } = deployment.settings;
  const [{ name, data, proxied }] = set;
  const { why } = strictest(set);
  const isOwnKey = [dkim.rsa, dkim.ed25519].some(({ selector }) => name === `${selector}._domainkey.${domain}`);
  return {
    ...publicCheck({
      id,
      area: "records",
      title: cut(`${data.type} ${relative(name, domain)}`),
      why,
      needs: [ZONE_ANSWERS, ...wellFormed(set[0], domain)],
      run: (context) => (proxied ? proxiedFinding(context, set[0]) : setFinding(context, set)),
    }),
    // Only they tell the key's public half.
    ...(isOwnKey ? { credentials: ["secrets"] as const } : {}),
  };
}

/** The check that looks at the form of the same record. */
function wellFormed({ name, data }: MailRecord, domain: string): readonly string[] {
  if (data.type === "CAA") return ["policy.caa"];
  if (isDkimKey({ name })) return data.type === "TXT" ? [`policy.dkim.${name.split(".")[0]}`] : [];
  if (data.type !== "TXT") return [];
  if (data.text.startsWith("v=spf1")) return [`policy.spf.${relative(name, domain)}`];
  if (data.text.startsWith("v=DMARC1")) return ["policy.dmarc"];
  if (data.text.startsWith("v=TLSRPTv1")) return ["policy.tlsrpt"];
  return [];
}

async function setFinding(context: Context, set: RecordSet): Promise<Finding> {
  const [first] = set;
  const type: RecordType = first.data.type;
  const said = await askAll(context, first.zone, first.name, type);
  return worst(
    said.map(({ server, answer }) => {
      const values = answer.records.filter((record) => record.name === first.name).map(({ value }) => value);
      const own = values.filter(isOfSet(first)).map(asDeclared);
      return { server, finding: compare([...new Set(own)], set, context, answer.alias) };
    }),
  );
}

/**
 * Beside any CAA record Cloudflare serves those of the authorities of its universal certificate; neither the dashboard nor
 * the API shows them (Cloudflare, SSL/TLS, CAA records FAQ).
 */
const CLOUDFLARES_OWN =
  /^0 issue(wild)? (comodoca\.com|digicert\.com|letsencrypt\.org|pki\.goog|sectigo\.com|ssl\.com)$/;

/** Cloudflare adds this parameter to some of them, for a feature of browsers that has nothing to do with mail. */
function asDeclared(value: string): string {
  return value.replace(/; *cansignhttpexchanges=yes$/, "");
}

/** At the domain itself other people's TXT records stand too; a set is then what begins with the same version. */
function isOfSet({ name, zone, data }: MailRecord): (value: string) => boolean {
  if (data.type !== "TXT" || name !== zone) return () => true;
  const version = data.text.split(/[; ]/, 1)[0] ?? "";
  return (value) => value.startsWith(version);
}

function compare(values: readonly string[], set: RecordSet, context: Context, alias: string | undefined): Finding {
  const [{ data, name }] = set;
  const { level } = strictest(set);
  if (data.type === "A") return tailnetFinding(values, level, context);
  const wanted = set.map((record) => expectedValue(record));
  const missing = wanted.filter((value) => !values.includes(value));
  const extra = values.filter(
    (value) => !wanted.includes(value) && !(data.type === "CAA" && CLOUDFLARES_OWN.test(value)),
  );
  if (missing.length === 0 && extra.length === 0) return ok(list(values));
  const remedy =
    missing.length > 0
      ? converge(context.deployment)
      : `Delete what is too much in Cloudflare's dashboard (DNS > Records, ${name}): ${list(extra)}`;
  const current = alias !== undefined && values.length === 0 ? `an alias to ${alias}` : list(values);
  return bad(level, current, list(wanted), remedy, values.length === 0);
}

function tailnetFinding(values: readonly string[], level: Level, { deployment }: Context): Finding {
  const known = deployment.outputs["tailnetAddress"];
  const expected = typeof known === "string" ? known : "an address of the tailnet (100.64.0.0/10)";
  const [value] = values;
  const isFine =
    values.length === 1 &&
    value !== undefined &&
    (typeof known === "string" ? value === known : TAILNET_ADDRESS.test(value));
  return isFine ? ok(value) : bad(level, list(values), expected, converge(deployment), values.length === 0);
}

/** Cloudflare answers a proxied name with addresses of its edge; the value itself is not seen. */
async function proxiedFinding(context: Context, { name, zone, level }: MailRecord): Promise<Finding> {
  const expected = "addresses of Cloudflare's edge (proxied)";
  const { host } = context.deployment.settings;
  const ofAll: { server: NameServer; finding: Finding }[] = [];
  for (const { server, answer } of await askAll(context, zone, name, "A")) {
    const { dns, deployment } = context;
    const v6 = answer.records.length > 0 ? answer : await dns.ask(server, name, "AAAA");
    const addresses = v6.records.map(({ value }) => value);
    const finding =
      answer.alias !== undefined
        ? bad(level, `an alias to ${answer.alias}, not proxied`, expected, converge(deployment), true)
        : addresses.includes(host.address)
          ? error(`${host.address}, the address of the home`, expected, converge(deployment))
          : addresses.length === 0
            ? bad(level, "nothing", expected, converge(deployment), true)
            : addresses.some(isNotPublic)
              ? bad(level, list(addresses), expected, converge(deployment), true)
              : ok(list(addresses));
    ofAll.push({ server, finding });
  }
  return worst(ofAll);
}

/** Private, tailnet, loopback, and the discard address that a proxied record names (RFC 6890, RFC 6666). */
function isNotPublic(address: string): boolean {
  return (
    TAILNET_ADDRESS.test(address) || /^(10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd]|100::)/.test(address)
  );
}

/** A missing set closes what builds on it, also where it is only a warning. */
function bad(level: Level, current: string, expected: string, remedy: string, isMissing: boolean): Finding {
  if (level !== "optional") return error(current, expected, remedy);
  return { ...warning(current, expected, remedy), ...(isMissing ? { closes: true } : {}) };
}

function cut(title: string): string {
  return title.length <= TITLE_CHARACTERS ? title : `${title.slice(0, TITLE_CHARACTERS - 3)}...`;
}
