import { type Comparable, isAddress, isSpf, ofRecord, textual } from "./comparable";
import type { InTheWay } from "./findings";
import type { LiveRecord } from "./live";

/** The facts about a record's zone that decide which records it may hold. */
export interface RecordZone {
  readonly id: string;
  readonly name: string;
  /** Email Routing is on. */
  readonly routing: boolean;
}

/** The other records that a record is judged against. */
export interface Beside {
  /** What the program declares. */
  readonly declared: readonly Comparable[];
  readonly zone: RecordZone | undefined;
  /** Email Routing's SPF is among the zone's records. */
  readonly hasRoutingSpf: boolean;
}

type Verdict = Omit<InTheWay, "label">;

const REMOVE = "Delete it in Cloudflare's dashboard";
const GO_THERE_TOO: Verdict = { why: "clients would go there too", mend: REMOVE };
/** The SPF that Email Routing writes has it (facts: Email Routing's DNS). */
const ROUTING_SPF = /\binclude:_spf\.mx\.cloudflare\.net\b/i;

/** Why a record cannot stay beside what the program makes, and what to do; undefined when it can. */
export function spoiled(record: LiveRecord, beside: Beside): Verdict | undefined {
  const own = ofRecord(record, beside.zone?.name);
  const here = beside.declared.filter(({ name }) => name === own.name);
  if (record.locked) return isAddress(own) && here.some(isAddress) ? OWNED_BY_A_SERVICE : undefined;
  return atApex(record, beside) ?? delegated(own, beside) ?? besideCname(own, here) ?? secondOfItsKind(own, here);
}

/** Email Routing locks MX and TXT; a locked address is that of a Worker's custom domain, of R2 or of Pages. */
const OWNED_BY_A_SERVICE: Verdict = {
  why: "another of Cloudflare's services (a Worker's custom domain, R2, Pages) owns the name and locks its record",
  mend: "Remove the name from that service",
};

/** True for Email Routing's own SPF, locked or not. */
export function isRoutingSpf(record: LiveRecord): boolean {
  return isSpf(record) && (record.locked || ROUTING_SPF.test(textual(record.content)));
}

function atApex(record: LiveRecord, { zone, hasRoutingSpf }: Beside): Verdict | undefined {
  if (zone === undefined || record.name !== zone.name) return undefined;
  if (record.type === "MX" && !zone.routing)
    return { why: "Email Routing cannot be switched on while another MX is here", mend: REMOVE };
  if (!isSpf(record)) return undefined;
  if (!zone.routing)
    return {
      why: "Email Routing replaces it with its own SPF; mail that other servers send as the domain is then refused",
      mend: "Let those servers send from a subdomain, or sign with DKIM",
    };
  return hasRoutingSpf && !isRoutingSpf(record)
    ? { why: "two SPF records are an error to every receiver (RFC 7208 section 4.5)", mend: REMOVE }
    : undefined;
}

/** At the zone's apex Cloudflare answers with its own NS records and ignores others (DNS, NS records). */
function delegated(own: Comparable, { declared, zone }: Beside): Verdict | undefined {
  if (own.type !== "NS" || own.name === zone?.name) return undefined;
  const below = declared.find(({ name }) => name === own.name || name.endsWith(`.${own.name}`));
  return (
    below && {
      why: `it delegates ${own.name} to other servers, which do not have the program's ${below.type} ${below.name}`,
      mend: REMOVE,
    }
  );
}

/**
 * The API refuses a CNAME beside an A, an AAAA or another CNAME (81053, 81054; DNS, Records with the same name). Beside
 * other types it is the whole answer for its name (RFC 1034 section 3.6.2), unless Cloudflare flattens it.
 */
function besideCname(own: Comparable, here: readonly Comparable[]): Verdict | undefined {
  const isHidden = here.some(
    (other) =>
      (other.type === "CNAME" && (isAddress(own) || !other.isFlattened)) ||
      (own.type === "CNAME" && (isAddress(other) || !own.isFlattened)),
  );
  return isHidden
    ? {
        why: "a CNAME is the only answer for its name: the API refuses another record beside it (81053, 81054), or nobody sees it",
        mend: REMOVE,
      }
    : undefined;
}

function secondOfItsKind(own: Comparable, here: readonly Comparable[]): Verdict | undefined {
  if (own.type === "TXT" && own.purpose !== "" && here.some(({ purpose }) => purpose === own.purpose))
    return { why: "two of its kind at one name count as none", mend: REMOVE };
  if (own.type === "SRV" && here.some(({ type }) => type === "SRV")) return GO_THERE_TOO;
  if (own.type === "MX" && here.some(({ type }) => type === "MX"))
    return { why: "mail for this name would go there too", mend: REMOVE };
  return isAddress(own) && here.some(isAddress) ? GO_THERE_TOO : undefined;
}
