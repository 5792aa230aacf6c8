import { parseOwnAddress, parseReportAddress } from "./address";
import { parseEd25519Key, parseRsaKey, parseSelector } from "./dkim";
import { parseDomain } from "./domain";
import { type Checked, good } from "./fault";
import type { KeyName } from "./keys";
import { aliasText, type Complete, type Reader } from "./reader";
import { parseResendRecords, resendSelectors } from "./resend";
import { parsePublished } from "./rotation";
import type { DomainSettings } from "./settings";
import { bucketName, parseAlertUrl, parseWithin } from "./spool";
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
} from "./values";

/** The checked values that every mail domain has of its own, with a host or on the host of another stack. */
export function takeDomain(reader: Reader) {
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
    primaryAddress,
    aliases,
    catchAll: reader.take("catchAll", (text) =>
      parseCatchAll(text, domain, [primaryAddress, ...(aliases ?? [undefined])]),
    ),
    inbound: reader.take("inbound", (text) => parseChoice(text, ["worker", "off"])),
    spool: reader.take("spool", (text) => parseChoice(text, ["r2", "none"])),
    spoolAlertUrl: reader.take("spoolAlertUrl", parseAlertUrl),
    spoolAlertAfterMinutes: reader.take("spoolAlertAfterMinutes", (text) => parseWithin(text, 5, 10_080)),
    ledgerDays: reader.take("ledgerDays", (text) => parseWithin(text, 7, 365)),
    services: reader.take("services", parseServices),
    publicRateLimit: reader.take("publicRateLimit", parseBoolean),
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

export type DomainValues = Complete<ReturnType<typeof takeDomain>>;

/** Names that are below every mail domain. */
export function ownHostnames(domain: string) {
  return {
    mtaSts: `mta-sts.${domain}`,
    autoconfig: `autoconfig.${domain}`,
    autodiscover: `autodiscover.${domain}`,
  } as const;
}

/** What a domain's own values are in the settings. */
export function domainPart(values: DomainValues) {
  const { domain } = values;
  return {
    domain,
    primaryAddress: values.primaryAddress,
    aliases: values.aliases,
    catchAll: values.catchAll === "none" ? undefined : values.catchAll,
    inbound: values.inbound,
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
    publicRateLimit: values.publicRateLimit,
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
    protect: values.protect,
  } satisfies Partial<DomainSettings>;
}
