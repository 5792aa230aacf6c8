import { organisationalDomain } from "../../../infra/dns/reports";
import type { MailRecord } from "../../../infra/dns/record";
import { domainOf } from "../../../infra/settings/mailbox";
import { type Check, error, type Finding, ok, TITLE_CHARACTERS } from "../check";
import type { Context, Deployment } from "../context";
import { dkimFaults, SIGNER_BITS, VERIFIER_BITS } from "../policy/dkim";
import { dmarcFaults, tlsReportFaults } from "../policy/dmarc";
import { MOST_LOOKUPS, MOST_VOID_LOOKUPS, spfCost, spfRecords } from "../policy/spf";
import { askAll, converge, isDkimKey, list, publicCheck, recordId, relative, worst } from "./ask";
import { RESOLVER_ANSWERS, ZONE_ANSWERS } from "./delegation";

const area = "policy";

/** What receivers read to judge the domain's mail: SPF, DKIM, DMARC, the addresses for reports. */
export function policyChecks(deployment: Deployment): readonly Check[] {
  const { records, settings, stack } = deployment;
  const own = records.filter(({ zone }) => zone === settings.domain);
  return [
    ...own.filter(isSpf).flatMap((record) => spfChecks(record, deployment)),
    ...own.filter(isDkimKey).map((record) => dkimCheck(record, deployment)),
    single({
      deployment,
      id: "policy.dmarc",
      title: "One DMARC record, and it can be read",
      why: "A record that receivers cannot read is none: anyone may write in the domain's name (RFC 9989).",
      name: `_dmarc.${settings.domain}`,
      version: /^v=DMARC1/i,
      faultsOf: dmarcFaults,
    }),
    single({
      deployment,
      id: "policy.tlsrpt",
      title: "One TLS report record, and it can be read",
      why: "Senders report failed TLS only to a record that they can read (RFC 8460 section 3).",
      name: `_smtp._tls.${settings.domain}`,
      version: /^v=TLSRPT/i,
      faultsOf: tlsReportFaults,
    }),
    ...authorisationChecks(deployment),
    ...reportChecks(deployment),
    publicCheck({
      id: "policy.resend",
      area,
      title: "The relay's own records are known",
      why: "Without them Resend refuses to send, and what it sent would fail DMARC.",
      needs: [],
      run: () =>
        Promise.resolve(
          settings.resend.records.length > 0
            ? ok(`${settings.resend.records.length} records in the stack file`)
            : error(
                "mail:resendRecords is empty",
                "records[] of the domain from Resend's API",
                `Copy them: pulumi config set --path 'mail:resendRecords[0].type' TXT --stack ${stack}, and so on`,
              ),
        ),
    }),
  ];
}

function isSpf({ data }: MailRecord): boolean {
  return data.type === "TXT" && data.text.startsWith("v=spf1");
}

function spfChecks({ name, zone }: MailRecord, deployment: Deployment): readonly Check[] {
  const below = relative(name, zone);
  return [
    single({
      deployment,
      id: `policy.spf.${below}`,
      title: `One SPF record at ${below}`,
      why: "Two of them void each other: receivers answer permerror (RFC 7208 section 3.2).",
      name,
      version: /^v=spf1( |$)/i,
      faultsOf: () => [],
    }),
    publicCheck({
      id: `policy.spf-lookups.${below}`,
      area,
      title: `SPF at ${below} costs at most ${MOST_LOOKUPS} lookups`,
      why: "Beyond ten lookups, or two without an answer, receivers answer permerror (RFC 7208 section 4.6.4).",
      needs: [recordId("TXT", name, zone), RESOLVER_ANSWERS],
      run: async ({ dns }) => {
        const { records } = await dns.resolve(name, "TXT");
        const [text = ""] = spfRecords(records.map(({ value }) => value));
        const { lookups, voids, faults } = await spfCost(name, text, (asked, type) => dns.resolve(asked, type));
        const current = [
          `${lookups} ${lookups === 1 ? "lookup" : "lookups"}, ${voids} without an answer`,
          ...faults,
        ].join("; ");
        if (lookups <= MOST_LOOKUPS && voids <= MOST_VOID_LOOKUPS && faults.length === 0) return ok(current);
        return error(
          current,
          `at most ${MOST_LOOKUPS} lookups, ${MOST_VOID_LOOKUPS} without an answer`,
          "The included record belongs to the provider: look at its status page, and ask its support.",
        );
      },
    }),
  ];
}

function dkimCheck({ name, zone, data }: MailRecord, deployment: Deployment): Check {
  const { settings } = deployment;
  const selector = name.split(".", 1)[0] ?? "";
  const { rsa, ed25519, published } = settings.dkim;
  const isOwn = [rsa, ed25519, ...published].some((key) => key.selector === selector);
  const leastBits = isOwn ? SIGNER_BITS : VERIFIER_BITS;
  const isAlias = data.type === "CNAME";
  return publicCheck({
    id: `policy.dkim.${selector}`,
    area,
    title: `DKIM key ${selector} can be used`,
    why: "A signature whose key cannot be read counts as none (RFC 6376 section 6.1.2).",
    needs: isAlias ? [recordId("CNAME", name, zone), RESOLVER_ANSWERS] : [ZONE_ANSWERS],
    run: async (context) =>
      isAlias
        ? judge((await context.dns.resolve(name, "TXT")).records, context, leastBits)
        : await everywhere(context, zone, name, (texts) =>
            singleFinding(texts, (text) => dkimFaults(text, leastBits), context),
          ),
  });
}

function judge(records: readonly { readonly value: string }[], context: Context, leastBits: number): Finding {
  return singleFinding(
    records.map(({ value }) => value),
    (text) => dkimFaults(text, leastBits),
    context,
  );
}

interface Single {
  readonly deployment: Deployment;
  readonly id: string;
  readonly title: string;
  readonly why: string;
  readonly name: string;
  /** What the records of the kind begin with; others at the name are not looked at. */
  readonly version: RegExp;
  readonly faultsOf: (text: string) => readonly string[];
}

/** Exactly one record of its kind at each server, and nothing wrong with it. */
function single({ deployment, id, title, why, name, version, faultsOf }: Single): Check {
  return publicCheck({
    id,
    area,
    title,
    why,
    needs: [ZONE_ANSWERS],
    run: (context) =>
      everywhere(context, deployment.settings.domain, name, (texts) =>
        singleFinding(
          texts.filter((text) => version.test(text)),
          faultsOf,
          context,
        ),
      ),
  });
}

async function everywhere(
  context: Context,
  zone: string,
  name: string,
  findingOf: (texts: readonly string[]) => Finding,
): Promise<Finding> {
  const said = await askAll(context, zone, name, "TXT");
  return worst(
    said.map(({ server, answer }) => ({ server, finding: findingOf(answer.records.map(({ value }) => value)) })),
  );
}

function singleFinding(
  texts: readonly string[],
  faultsOf: (text: string) => readonly string[],
  { deployment }: Context,
): Finding {
  const [text, ...more] = texts;
  if (text === undefined) return error("nothing", "one record", converge(deployment));
  if (more.length > 0)
    return error(
      `${texts.length} records: ${list(texts)}`,
      "one record",
      `Delete the one that is not the program's in Cloudflare's dashboard (DNS > Records), then: ${converge(deployment)}`,
    );
  const faults = faultsOf(text);
  return faults.length === 0
    ? ok(text)
    : error(`${text}: ${faults.join(", ")}`, "a record that can be read", converge(deployment));
}

/** The consent of other organisations to receive reports; their zones are not this account's. */
function authorisationChecks({ records, settings }: Deployment): readonly Check[] {
  return records
    .filter(({ zone }) => zone !== settings.domain)
    .map(({ name, zone, why }) =>
      publicCheck({
        id: `policy.dmarc-consent.${zone}`,
        area,
        title: `${zone} takes DMARC reports`.slice(0, TITLE_CHARACTERS),
        why,
        needs: [RESOLVER_ANSWERS],
        run: async ({ dns }) => {
          const values = (await dns.resolve(name, "TXT")).records.map(({ value }) => value);
          if (values.some((value) => /^v=DMARC1\s*(;|$)/.test(value))) return ok(list(values));
          return error(
            `${name} has ${list(values)}`,
            "v=DMARC1",
            `Ask the owner of ${zone} to publish the TXT record ${name} with "v=DMARC1", or name another address in mail:dmarcAggregateAddress.`,
          );
        },
      }),
    );
}

/** Somewhere else must take mail, or reports bounce. The domain's own MX has a check of its own. */
function reportChecks({ settings }: Deployment): readonly Check[] {
  const { dmarc, tlsReportAddress, domain } = settings;
  const addresses = [dmarc.aggregateAddress, dmarc.failureAddress, tlsReportAddress];
  const hosts = addresses.flatMap((address) => (address === undefined ? [] : [domainOf(address)]));
  return [...new Set(hosts)]
    .filter((host) => organisationalDomain(host) !== organisationalDomain(domain))
    .map((host) =>
      publicCheck({
        id: `policy.reports.${host}`,
        area,
        title: `${host} takes mail`.slice(0, TITLE_CHARACTERS),
        why: "Reports go there; to a name without an MX none is sent.",
        needs: [RESOLVER_ANSWERS],
        run: async ({ dns }) => {
          const values = (await dns.resolve(host, "MX")).records.map(({ value }) => value);
          if (values.length > 0) return ok(list(values));
          return error(
            "no MX",
            "an MX",
            "Name another address in mail:dmarcAggregateAddress, dmarcFailureAddress or tlsReportAddress.",
          );
        },
      }),
    );
}
