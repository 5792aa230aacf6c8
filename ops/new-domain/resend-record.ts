import { domainToASCII } from "node:url";
import { unquoteTxt } from "../../infra/dns/txt";
import { parseResendRecords } from "../../infra/settings/resend";
import { relativeToDomain } from "../../infra/settings/relative-name";
import type { ResendRecord } from "../../infra/settings/settings";
import { NewDomainError } from "./refused";
import { type Json, textOf } from "./request";

/**
 * What a domain needs to send. Not `Receiving`: its MX would stand beside Email Routing's. Not `Tracking` and `TrackingCAA`:
 * links of this deployment's mail are not rewritten.
 */
const SENDING: readonly string[] = ["SPF", "DKIM"];

/**
 * Resend's records as the stack file has them: names relative to the mail domain, values without quotation marks and final
 * dots, each record once. `status` and `ttl` change by themselves and are left out.
 *
 * @throws NewDomainError for a record that the stack file must not have
 */
export function sendingRecords(answer: readonly Json[], domain: string): readonly ResendRecord[] {
  const records = answer.filter(({ record }) => SENDING.includes(textOf(record).toUpperCase()));
  const distinct = new Map(records.map((record) => normalised(record, domain)).map((each) => [meaning(each), each]));
  const checked = parseResendRecords(JSON.stringify([...distinct.values()]), domain);
  if (checked.ok) return checked.value;
  const [fault] = checked.faults;
  throw new NewDomainError(
    `Resend asks for a record for ${domain} that cannot be published: ${JSON.stringify(fault?.item?.text)} ${fault?.rule ?? ""}. ` +
      "The stack file is as it was. Look at the domain's records in Resend's dashboard, then run the command again.",
  );
}

/** Whether two lists ask for the same records. Their order and Resend's names for the records do not matter. */
export function areSameRecords(a: readonly ResendRecord[], b: readonly ResendRecord[]): boolean {
  const known = new Set(b.map(meaning));
  return a.length === b.length && a.every((record) => known.has(meaning(record)));
}

function meaning({ type, name, value, priority }: ResendRecord): string {
  return JSON.stringify([type, name, value, priority]);
}

function normalised({ record, type, name, value, priority }: Json, domain: string): ResendRecord {
  const kind = textOf(type).toUpperCase();
  if (kind !== "MX" && kind !== "TXT" && kind !== "CNAME")
    throw new NewDomainError(
      `Resend asks for a record of type ${JSON.stringify(type)} for ${domain}, which this program cannot publish. ` +
        "The stack file is as it was. Look for a newer version of this program.",
    );
  const common = {
    record: textOf(record).toUpperCase(),
    type: kind,
    name: relativeToDomain(inAscii(textOf(name)), domain),
  } as const;
  if (kind === "TXT") return { ...common, value: plainText(textOf(value)) };
  if (kind === "CNAME") return { ...common, value: hostname(textOf(value)) };
  // As in a zone file, some values begin with the priority.
  const [, inFront, target = ""] = /^\s*(?:(\d+)\s+)?(.*)$/s.exec(textOf(value)) ?? [];
  const given = priority === undefined || priority === null || priority === "" ? inFront : priority;
  return { ...common, value: hostname(target), ...(given === undefined ? {} : { priority: Number(given) }) };
}

/** TXT may come as in a zone file: quoted, and in several strings (RFC 1035 section 5.1). */
function plainText(value: string): string {
  const text = value.trim();
  if (!text.startsWith('"')) return text;
  try {
    return unquoteTxt(text.replace(/"\s+"/g, '" "'));
  } catch {
    return text;
  }
}

function hostname(value: string): string {
  return inAscii(value.trim()).toLowerCase().replace(/\.+$/, "");
}

/** A-labels (RFC 5890); a name in ASCII stays as it is, underscores too. */
function inAscii(name: string): string {
  return /[^\p{ASCII}]/u.test(name) ? domainToASCII(name) || name : name;
}
