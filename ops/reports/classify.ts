import { getDomain } from "tldts";
import type { AggregateRow, Authentication } from "./report";
import type { Sender, SourceKind } from "./summary";

export function passes({ dkimAligned, spfAligned }: AggregateRow): boolean {
  return dkimAligned || spfAligned;
}

/** The domain itself or a name below it. */
export function isWithin(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

/** The sender of a row's mail, by what authenticates it: addresses change, but keys and envelopes show who was in charge. */
export function classify(
  row: AggregateRow,
  { domain, selectors, envelopes }: Sender,
): { kind: SourceKind; name: string } {
  const signatures = row.dkim.filter(isPass);
  // The name in a server's greeting says who relayed the mail, not whose envelope it is (RFC 7208 section 2.3).
  const mailFrom = row.spf.filter(({ scope }) => scope !== "helo");
  const envelope = mailFrom.find(isPass)?.domain;
  const isOurs = (name: string) => isWithin(name, domain);
  const signature = signatures.find((item) => isOurs(item.domain));
  const hasOwnKey = signature?.selector !== undefined && selectors.includes(signature.selector);
  const hasOwnEnvelope = mailFrom.some((item) => envelopes.includes(item.domain));
  const relay = envelope === undefined ? network(row.sourceIp) : organisation(envelope);
  if (passes(row)) {
    if (row.dkimAligned && !row.spfAligned && envelope !== undefined && !isOurs(envelope))
      return { kind: "forwarded", name: relay };
    if (hasOwnKey) return { kind: "own", name: `key ${signature.selector}` };
    if (row.spfAligned && hasOwnEnvelope) return { kind: "own", name: envelope ?? domain };
    if (signature)
      return { kind: "aligned", name: signature.selector ? `key ${signature.selector}` : signature.domain };
    return { kind: "aligned", name: envelope ?? domain };
  }
  if (row.reasons.some((reason) => /forward|mailing_list|local_policy/.test(reason)))
    return { kind: "forwarded", name: relay };
  // A signature with our own key that does not verify: our own mail, changed on the way.
  if (row.dkim.some((item) => isOurs(item.domain) && item.selector !== undefined && selectors.includes(item.selector)))
    return { kind: "forwarded", name: relay };
  const other = signatures.find((item) => !isOurs(item.domain))?.domain ?? envelope;
  // If our own key fails under our own envelope, a record is broken; it is not a stranger.
  if (hasOwnEnvelope && envelope !== undefined) return { kind: "own", name: envelope };
  if (other !== undefined) return { kind: "foreign", name: organisation(other) };
  return { kind: "forged", name: network(row.sourceIp) };
}

function isPass({ result }: Authentication): boolean {
  return result === "pass";
}

function organisation(domain: string): string {
  return getDomain(domain) ?? domain;
}

/** Its /24 or /48, because forgers have many addresses. */
function network(ip: string): string {
  if (ip === "") return "(no address)";
  if (/^\d+\.\d+\.\d+\.\d+$/.test(ip)) return ip.replace(/\d+$/, "0/24");
  if (!ip.includes(":")) return ip;
  const [head = ""] = ip.split("::");
  const groups = head
    .split(":")
    .filter((group) => group !== "")
    .slice(0, 3);
  return `${[...groups, "0", "0", "0"].slice(0, 3).join(":")}::/48`;
}
