import { parseOwnAddress, parseReportAddress } from "./address";
import {
  backupOf,
  parseBackupEnvironment,
  parseBackupPassword,
  parseBackupTime,
  parseBucket,
  parseHeartbeatUrl,
  parseKeep,
  parsePrefix,
  parseRegion,
  parseRepository,
} from "./backup";
import {
  clientLabels,
  clientsHostname,
  parseMachineName,
  parsePeople,
  parseTag,
  parseTunnelled,
  type TailnetMode,
  tcpHostnames,
} from "./clients";
import { parseEd25519Key, parseRsaKey, parseSelector } from "./dkim";
import { parseDomain } from "./domain";
import { type Checked, good } from "./fault";
import { parseFolder, parseHostAddress, parsePort, parseSubnet, parseUser } from "./host";
import { OWN_LABELS, parseHostname } from "./hostnames";
import type { KeyName } from "./keys";
import type { Problem } from "./problem";
import type { RawConfig } from "./raw";
import { aliasText, type Complete, type EffectiveValues, isComplete, Reader, shown } from "./reader";
import { parseResendRecords, resendSelectors } from "./resend";
import { parseKept, parsePublished, parseTunnelSecret } from "./rotation";
import type { Settings } from "./settings";
import { bucketName, parseAlertUrl, parseWithin } from "./spool";
import { parseHostKey, parseSshPrivateKey } from "./ssh";
import {
  parseAccountId,
  parseAliases,
  parseApiKey,
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

export { type Problem, renderProblems } from "./problem";
export type { RawConfig, RawValue } from "./raw";
export { type EffectiveValues, inKeyOrder } from "./reader";

/**
 * `locked`: nothing is wrong as far as can be seen, but the plaintext of `keys` is not available here. There are no
 * half-filled `Settings`: who needs those secrets asks for them, who only shows settings takes `values`.
 */
export type ParseResult<T = Settings> =
  | { readonly kind: "settings"; readonly settings: T; readonly values: EffectiveValues }
  | { readonly kind: "locked"; readonly keys: readonly KeyName[]; readonly values: EffectiveValues }
  | { readonly kind: "problems"; readonly problems: readonly Problem[] };

/**
 * Checks the whole configuration at once: all settings, or every problem in the order of the key table. Pure.
 *
 * Sources of the rules: RFC 1035 and 1123 (names), 5890 (A-labels), 2606 (test names), the public suffix list;
 * RFC 5321 and 6531 (addresses), 6068 (mailto), 2142 (role addresses); RFC 6376, 8301, 8463 (DKIM), 9989 (DMARC), 8460
 * (TLS reports), 8659 (CAA); RFC 4251, 8709 and OpenSSH's PROTOCOL.key (SSH keys); POSIX.1-2017 (user names);
 * Cloudflare: universal certificates cover one label, Email Routing has no SMTPUTF8 and owns selector cf2024-1.
 */
export function parseSettings(raw: RawConfig): ParseResult {
  const reader = new Reader(raw);
  const values = takeAll(reader);
  const problems = reader.problems();
  if (problems.length > 0) return { kind: "problems", problems };
  if (!isComplete(values)) return { kind: "locked", keys: reader.locked(), values: shown(values) };
  return { kind: "settings", settings: assemble(values), values: shown(values) };
}

const TAILNET_MODES: readonly TailnetMode[] = ["off", "split-dns", "dns-record"];

/** Every key's checked value; `undefined` where it is wrong or locked. The order is free, save that some need others. */
function takeAll(reader: Reader) {
  const domain = reader.take("domain", parseDomain);
  const primaryAddress = reader.take("primaryAddress", (text) => parseOwnAddress(text, { domain, noTag: true }));
  const aliases = reader.take("aliases", (text) =>
    parseAliases(aliasText(text, primaryAddress, domain), domain, primaryAddress),
  );
  const postmaster = domain === undefined ? "" : `postmaster@${domain}`;
  const orPostmaster = (text: string): Checked<string> => (text === "" ? good(postmaster) : parseReportAddress(text));

  const resendRecords = reader.take("resendRecords", (text) => parseResendRecords(text, domain));
  const resendNames = (resendRecords ?? []).map(({ name }) => [name, "a record of Resend's"] as const);
  const tailnet = reader.take("tailnet", (text) => parseChoice(text, TAILNET_MODES));
  const clientTcp = reader.take("clientTcp", parseTunnelled);
  const labels = new Map([...OWN_LABELS, ...clientLabels(tailnet, clientTcp), ...resendNames]);
  const serverHostname = reader.take("serverHostname", (text) =>
    parseHostname(text, { domain, defaultLabel: "stalwart", taken: labels }),
  );
  const inboundHostname = reader.take("inboundHostname", (text) => {
    const server = domain === undefined ? undefined : serverHostname?.slice(0, -domain.length - 1);
    const taken = new Map([
      ...labels,
      ...(server === undefined ? [] : [[server, "the mail server (mail:serverHostname)"] as const]),
    ]);
    return parseHostname(text, { domain, defaultLabel: "inbound", taken });
  });

  const selectors = new Map(
    resendSelectors(resendRecords ?? []).map((selector) => [selector, "a DKIM record of Resend's"] as const),
  );
  const dkimRsaSelector = reader.take("dkimRsaSelector", (text) => parseSelector(text, { domain, taken: selectors }));
  const dkimEd25519Selector = reader.take("dkimEd25519Selector", (text) => {
    const rsa = dkimRsaSelector === undefined ? [] : [[dkimRsaSelector, "the RSA key (mail:dkimRsaSelector)"] as const];
    return parseSelector(text, { domain, taken: new Map([...selectors, ...rsa]) });
  });

  const signing = new Map([
    ...selectors,
    ...(dkimRsaSelector === undefined ? [] : [[dkimRsaSelector, "the RSA key (mail:dkimRsaSelector)"] as const]),
    ...(dkimEd25519Selector === undefined
      ? []
      : [[dkimEd25519Selector, "the Ed25519 key (mail:dkimEd25519Selector)"] as const]),
  ]);
  const accessTokenNumber = reader.take("accessTokenNumber", (text) => parseWithin(text, 1, 9_999));

  return {
    domain,
    accountId: reader.take("accountId", parseAccountId),
    primaryAddress,
    aliases,
    catchAll: reader.take("catchAll", (text) =>
      parseCatchAll(text, domain, [primaryAddress, ...(aliases ?? [undefined])]),
    ),
    inbound: reader.take("inbound", (text) => parseChoice(text, ["worker", "off"])),
    inboundDelivery: reader.take("inboundDelivery", (text) => parseChoice(text, ["jmap", "lmtp"])),
    serverHostname,
    inboundHostname,
    workerName: reader.take("workerName", parseWorkerName),
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
    resendApiKey: reader.take("resendApiKey", parseApiKey),
    adminPassword: reader.take("adminPassword", parsePassword),
    accountPassword: reader.take("accountPassword", parsePassword),
    workerKeyNumber: reader.take("workerKeyNumber", (text) => parseWithin(text, 1, 9_999)),
    ...takeBackup(reader),
    accessTokenNumber,
    accessTokenKept: reader.take("accessTokenKept", (text) => parseKept(text, accessTokenNumber)),
    tunnelSecret: reader.take("tunnelSecret", parseTunnelSecret),
    hostAddress: reader.take("hostAddress", parseHostAddress),
    hostPort: reader.take("hostPort", parsePort),
    hostUser: reader.take("hostUser", parseUser),
    hostKey: reader.take("hostKey", parseHostKey),
    hostSshPrivateKey: reader.take("hostSshPrivateKey", parseSshPrivateKey),
    hostFolder: reader.take("hostFolder", parseFolder),
    hostSubnet: reader.take("hostSubnet", parseSubnet),
    tailnet,
    tailnetTag: reader.take("tailnetTag", parseTag),
    tailnetHostname: reader.take("tailnetHostname", parseMachineName),
    tailnetPolicy: reader.take("tailnetPolicy", (text) => parseChoice(text, ["output", "manage"])),
    tailnetKeyNumber: reader.take("tailnetKeyNumber", (text) => parseWithin(text, 1, 9_999)),
    clientTcp,
    clientPeople: reader.take("clientPeople", (text) => parsePeople(text, primaryAddress)),
    protect: reader.take("protect", parseBoolean),
  } satisfies Record<Exclude<KeyName, "hostStack">, unknown>;
}

function takeBackup(reader: Reader) {
  const backup = reader.take("backup", (text) => parseChoice(text, ["off", "s3", "repository"]));
  const backupExportAt = reader.take("backupExportAt", (text) => parseBackupTime(text));
  return {
    backup,
    backupBucket: reader.take("backupBucket", (text) => parseBucket(text, backup)),
    backupPrefix: reader.take("backupPrefix", parsePrefix),
    backupRegion: reader.take("backupRegion", parseRegion),
    backupBucketImport: reader.take("backupBucketImport", parseBoolean),
    backupRepository: reader.take("backupRepository", (text) => parseRepository(text, backup)),
    backupKeyNumber: reader.take("backupKeyNumber", (text) => parseWithin(text, 1, 9_999)),
    backupPassword: reader.take("backupPassword", (text) => parseBackupPassword(text, backup)),
    backupEnvironment: reader.take("backupEnvironment", (text) => parseBackupEnvironment(text, backup)),
    backupKeep: reader.take("backupKeep", parseKeep),
    backupExportAt,
    backupAt: reader.take("backupAt", (text) => parseBackupTime(text, backupExportAt)),
    backupDrill: reader.take("backupDrill", (text) => parseChoice(text, ["monthly", "weekly", "off"])),
    backupAlertUrl: reader.take("backupAlertUrl", parseAlertUrl),
    backupHeartbeatUrl: reader.take("backupHeartbeatUrl", parseHeartbeatUrl),
  };
}

function assemble(values: Complete<ReturnType<typeof takeAll>>): Settings {
  const { domain } = values;
  return {
    domain,
    accountId: values.accountId,
    primaryAddress: values.primaryAddress,
    aliases: values.aliases,
    catchAll: values.catchAll === "none" ? undefined : values.catchAll,
    inbound: values.inbound,
    inboundDelivery: values.inboundDelivery,
    hostnames: {
      server: values.serverHostname,
      inbound: values.inboundHostname,
      lmtp: `lmtp.${domain}`,
      clients: clientsHostname(values.tailnet, values.serverHostname, domain),
      tcp: tcpHostnames(domain),
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
    edge: {
      accessTokenNumber: values.accessTokenNumber,
      accessTokenKept: values.accessTokenKept === 0 ? undefined : values.accessTokenKept,
      tunnelSecret: values.tunnelSecret.reveal() === "" ? undefined : values.tunnelSecret,
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
    resend: { records: values.resendRecords, apiKey: values.resendApiKey },
    stalwart: {
      adminPassword: values.adminPassword,
      accountPassword: values.accountPassword,
      workerKeyNumber: values.workerKeyNumber,
    },
    backup: backupOf(values),
    host: {
      address: values.hostAddress,
      port: values.hostPort,
      user: values.hostUser,
      key: values.hostKey,
      sshPrivateKey: values.hostSshPrivateKey,
      folder: values.hostFolder,
      subnet: values.hostSubnet,
    },
    tailnet:
      values.tailnet === "off"
        ? undefined
        : {
            mode: values.tailnet,
            tag: values.tailnetTag,
            hostname: values.tailnetHostname,
            policy: values.tailnetPolicy,
            keyNumber: values.tailnetKeyNumber,
          },
    clientTcp: { services: values.clientTcp, people: values.clientPeople },
    protect: values.protect,
  };
}
