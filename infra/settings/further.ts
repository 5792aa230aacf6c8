import { parseOwnAddress, parseReportAddress } from "./address";
import { parseEd25519Key, parseRsaKey, parseSelector } from "./dkim";
import { parseDomain } from "./domain";
import { bad, type Checked, good } from "./fault";
import type { HostOffer } from "./host-offer";
import { type ConfigKey, KEYS, type KeyName } from "./keys";
import type { ParseResult } from "./parse";
import { ofHostStack } from "./problem";
import type { RawConfig } from "./raw";
import { aliasText, type Complete, isComplete, Reader, shown } from "./reader";
import { parseResendRecords, resendSelectors } from "./resend";
import { parsePublished } from "./rotation";
import { Secret } from "./secret";
import type { FurtherSettings } from "./settings";
import { bucketName, parseAlertUrl, parseWithin, workerNameOf } from "./spool";
import { isKeyName } from "./spelling";
import {
  parseAliases,
  parseBoolean,
  parseCatchAll,
  parseChoice,
  parseIssuers,
  parsePassword,
  parsePriorities,
  parseRoutingDkim,
  parseServices,
  parseWorkerName,
} from "./values";

/** The stack that has the host; empty when this one does. A text that is no name is for {@link parseFurther} to report. */
export function hostStackOf(raw: RawConfig): string {
  return raw.get("hostStack")?.text?.trim() ?? "";
}

/** What a further domain's own stack file says. */
export type FurtherValues = Complete<ReturnType<typeof takeFurther>>;

/** Checks the configuration of a further domain: its own values, or every problem in the order of the key table. Pure. */
export function parseFurther(raw: RawConfig): ParseResult<FurtherValues> {
  const reader = new Reader(raw);
  const values = takeFurther(reader);
  for (const name of Object.keys(KEYS).filter(isKeyName)) {
    const key: ConfigKey = KEYS[name];
    if (key.ofHost === true && reader.isSet(name)) reader.add(ofHostStack(name, values.hostStack ?? "VALUE"));
  }
  const problems = reader.problems();
  if (problems.length > 0) return { kind: "problems", problems };
  if (!isComplete(values)) return { kind: "locked", keys: reader.locked(), values: shown(values) };
  return { kind: "settings", settings: values, values: shown(values) };
}

function takeFurther(reader: Reader) {
  const domain = reader.take("domain", parseDomain);
  const primaryAddress = reader.take("primaryAddress", (text) => parseOwnAddress(text, { domain, noTag: true }));
  const aliases = reader.take("aliases", (text) =>
    parseAliases(aliasText(text, primaryAddress, domain), domain, primaryAddress),
  );
  const orPostmaster = (text: string): Checked<string> =>
    text === "" ? good(domain === undefined ? "" : `postmaster@${domain}`) : parseReportAddress(text);
  const resendRecords = reader.take("resendRecords", (text) => parseResendRecords(text, domain));
  const selectors = new Map(
    resendSelectors(resendRecords ?? []).map((selector) => [selector, "a DKIM record of Resend's"] as const),
  );
  const dkimRsaSelector = reader.take("dkimRsaSelector", (text) => parseSelector(text, { domain, taken: selectors }));
  const rsa = dkimRsaSelector === undefined ? [] : [[dkimRsaSelector, "the RSA key (mail:dkimRsaSelector)"] as const];
  const dkimEd25519Selector = reader.take("dkimEd25519Selector", (text) =>
    parseSelector(text, { domain, taken: new Map([...selectors, ...rsa]) }),
  );
  const signing = new Map([
    ...selectors,
    ...rsa,
    ...(dkimEd25519Selector === undefined
      ? []
      : [[dkimEd25519Selector, "the Ed25519 key (mail:dkimEd25519Selector)"] as const]),
  ]);
  return {
    domain,
    hostStack: reader.take("hostStack", parseStackName),
    primaryAddress,
    aliases,
    catchAll: reader.take("catchAll", (text) =>
      parseCatchAll(text, domain, [primaryAddress, ...(aliases ?? [undefined])]),
    ),
    inbound: reader.take("inbound", (text) => parseChoice(text, ["worker", "off"])),
    workerName: reader.isSet("workerName")
      ? reader.take("workerName", parseWorkerName)
      : domain === undefined
        ? undefined
        : workerNameOf(domain),
    spool: reader.take("spool", (text) => parseChoice(text, ["r2", "none"])),
    spoolAlertUrl: reader.take("spoolAlertUrl", parseAlertUrl),
    spoolAlertAfterMinutes: reader.take("spoolAlertAfterMinutes", (text) => parseWithin(text, 5, 10_080)),
    ledgerDays: reader.take("ledgerDays", (text) => parseWithin(text, 7, 365)),
    services: reader.take("services", parseServices),
    dkimRsaSelector,
    dkimRsaPrivateKey: reader.take("dkimRsaPrivateKey", parseRsaKey),
    dkimEd25519Selector,
    dkimEd25519PrivateKey: reader.take("dkimEd25519PrivateKey", parseEd25519Key),
    dkimPublished: reader.take("dkimPublished", (text) => parsePublished(text, { domain, taken: signing })),
    dmarcPolicy: reader.take("dmarcPolicy", (text) => parseChoice(text, ["none", "quarantine", "reject"])),
    dmarcAggregateAddress: reader.take("dmarcAggregateAddress", orPostmaster),
    dmarcFailureAddress: reader.take("dmarcFailureAddress", (text) =>
      text === "none" ? good(text) : parseReportAddress(text),
    ),
    tlsReportAddress: reader.take("tlsReportAddress", orPostmaster),
    caaIssuers: reader.take("caaIssuers", parseIssuers),
    routingMxPriorities: reader.take("routingMxPriorities", parsePriorities),
    routingDkim: reader.take("routingDkim", parseRoutingDkim),
    resendRecords,
    accountPassword: reader.take("accountPassword", parsePassword),
    protect: reader.take("protect", parseBoolean),
  } satisfies Partial<Record<KeyName, unknown>>;
}

/** What the stack file says, with what the host's stack offers. */
export function furtherSettings(values: FurtherValues, offer: HostOffer): FurtherSettings {
  const { domain } = values;
  return {
    domain,
    hostStack: values.hostStack,
    hostDomain: offer.domain,
    accountId: offer.accountId,
    primaryAddress: values.primaryAddress,
    aliases: values.aliases,
    catchAll: values.catchAll === "none" ? undefined : values.catchAll,
    inbound: values.inbound,
    inboundDelivery: offer.inboundDelivery,
    hostnames: {
      ...offer.hostnames,
      mtaSts: `mta-sts.${domain}`,
      autoconfig: `autoconfig.${domain}`,
      autodiscover: `autodiscover.${domain}`,
    },
    workerName: values.workerName,
    spool:
      values.spool === "none"
        ? undefined
        : {
            bucket: bucketName(domain),
            alertUrl: values.spoolAlertUrl,
            alertAfterMinutes: values.spoolAlertAfterMinutes,
            ledgerDays: values.ledgerDays,
          },
    services: values.services,
    dkim: {
      rsa: { selector: values.dkimRsaSelector, ...values.dkimRsaPrivateKey },
      ed25519: { selector: values.dkimEd25519Selector, ...values.dkimEd25519PrivateKey },
      published: values.dkimPublished,
    },
    dmarc: {
      policy: values.dmarcPolicy,
      aggregateAddress: values.dmarcAggregateAddress,
      failureAddress: values.dmarcFailureAddress === "none" ? undefined : values.dmarcFailureAddress,
    },
    tlsReportAddress: values.tlsReportAddress,
    caaIssuers: values.caaIssuers,
    routing: {
      mxPriorities: values.routingMxPriorities,
      dkim: values.routingDkim === "" ? undefined : values.routingDkim,
    },
    resend: { records: values.resendRecords },
    stalwart: { accountPassword: values.accountPassword },
    host: { ...offer.host, sshPrivateKey: new Secret(offer.host.sshPrivateKey) },
    protect: values.protect,
  };
}

function parseStackName(text: string): Checked<string> {
  return /^[A-Za-z0-9_.-]{1,100}$/.test(text) ? good(text) : bad({ rule: "is no name of a stack" });
}
