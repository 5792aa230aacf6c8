import type { Sender, Source, Summary } from "./summary";

export function sourceAdvice(source: Omit<Source, "advice">, { domain, policy }: Sender): string {
  switch (source.kind) {
    case "own":
      if (source.passed < source.messages)
        return "Your own mail fails. Compare the published records with the wanted ones: npm run zone";
      if (source.dkimPassed < source.messages)
        return "The signature fails for some; they pass by their envelope domain. Check the DKIM records: npm run zone";
      return "Nothing to do.";
    case "aligned":
      return `Uses a key or an envelope domain of ${domain} that this stack does not know. If you do not know it either, remove that record.`;
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

/** The policy that a receiver saw, and when. */
export interface SeenPolicy {
  readonly reporter: string;
  readonly policy: string;
  readonly end: Date;
}

/** What to do about the domain as a whole. Missing reports mean something only when everything was read. */
export function domainAdvice(
  summary: Omit<Summary, "advice">,
  latest: SeenPolicy | undefined,
  { domain, policy }: Sender,
): string[] {
  const { dmarcReports, tlsReports, sources, unreadable, limit, unverified } = summary;
  const advice: string[] = [];
  const reports = dmarcReports + tlsReports;
  const isWhole = unreadable === 0 && limit === undefined;
  if (dmarcReports === 0)
    advice.push(
      isWhole
        ? `No DMARC report about ${domain}. Receivers send one a day if they had mail from you. Check that rua is published: npm run zone`
        : `No DMARC report about ${domain} in what was read. Not everything was read, so this says nothing about the records.`,
    );
  if (tlsReports === 0)
    advice.push(
      isWhole
        ? `No TLS report about ${domain}. They come daily from the largest senders only, so this may be right.`
        : `No TLS report about ${domain} in what was read. Not everything was read.`,
    );
  if (unverified > 0)
    advice.push(
      `${unverified} of ${reports} ${reports === 1 ? "report is" : "reports are"} unverified: nothing shows that ` +
        `${unverified === 1 ? "it comes from the organisation it names" : "they come from the organisations they name"}. ` +
        "Anyone can mail a report. Do not change a record or policy because of these alone.",
    );
  if (latest !== undefined && latest.policy !== policy)
    advice.push(
      `${latest.reporter} last saw the policy ${latest.policy}, the stack says ${policy}. If the change is older than a day: pulumi preview`,
    );
  const own = sources.filter(({ kind }) => kind === "own" || kind === "aligned");
  const fails = own.some(({ passed, messages }) => passed < messages);
  if (policy !== "reject" && own.length > 0 && !fails && isWhole)
    advice.push(`All your own mail passes. The policy can be stricter: pulumi config set mail:dmarcPolicy reject`);
  return advice;
}

const TLS_ADVICE: ReadonlyMap<string, string> = new Map([
  [
    "starttls-not-supported",
    "The MX is Cloudflare's and offers TLS: somebody in between strips it, or the sender connected to another host.",
  ],
  ["certificate-host-mismatch", "The MX record or the policy names a wrong host. Compare: npm run zone"],
  ["certificate-expired", "The MX is Cloudflare's: look at their status page. Nothing to do here."],
  ["certificate-not-trusted", "The MX is Cloudflare's: look at their status page. Nothing to do here."],
  [
    "sts-policy-fetch-error",
    "The policy's Worker did not answer. Look at it: curl https://mta-sts.DOMAIN/.well-known/mta-sts.txt",
  ],
  ["sts-policy-invalid", "The policy is malformed. Look at it: curl https://mta-sts.DOMAIN/.well-known/mta-sts.txt"],
  [
    "sts-webpki-invalid",
    "The certificate of mta-sts.DOMAIN is not valid: see the Worker's custom domain at Cloudflare.",
  ],
  ["validation-failure", "Only a general failure is reported. Wait for a second report before doing anything."],
]);

/** @param type RFC 8460 section 4.3, or whatever a sender wrote */
export function tlsAdvice(type: string, domain: string): string {
  return (TLS_ADVICE.get(type) ?? "See RFC 8460 section 4.3.").replaceAll("DOMAIN", () => domain);
}
