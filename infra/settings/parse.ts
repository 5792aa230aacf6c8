import { parseOwnAddress, parseReportAddress } from "./address";
import { ALLOWED } from "./allowed";
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
import { type ConfigKey, KEYS, type KeyName } from "./keys";
import { missing, type Problem, problemOf, storedInTheClear, unknownKey } from "./problem";
import type { RawConfig } from "./raw";
import { parseResendRecords, resendSelectors } from "./resend";
import { Secret } from "./secret";
import type { Settings } from "./settings";
import { bucketName, parseAlertUrl, parseWithin } from "./spool";
import { isKeyName, nearestKey } from "./spelling";
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

/** Every key's value in force, defaults and derived ones included; secrets read `[secret]`. */
export type EffectiveValues = Readonly<Record<KeyName, unknown>>;

/**
 * `locked`: nothing is wrong as far as can be seen, but the plaintext of `keys` is not available here. There are no
 * half-filled `Settings`: who needs those secrets asks for them, who only shows settings takes `values`.
 */
export type ParseResult =
  | { readonly kind: "settings"; readonly settings: Settings; readonly values: EffectiveValues }
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
  } satisfies Record<KeyName, unknown>;
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

/** Sorts problems as the key table does; problems of unknown keys come last. */
export function inKeyOrder(problems: readonly Problem[]): readonly Problem[] {
  const order = Object.keys(KEYS);
  const place = ({ key }: Problem): number => {
    const index = order.indexOf(key.replace(/^[^:]*:/, "").replace(/\[.*$/, ""));
    return index === -1 ? order.length : index;
  };
  return problems.toSorted((a, b) => place(a) - place(b));
}

/** Takes keys out of the raw values one by one and collects what is wrong with them. */
class Reader {
  readonly #problems: Problem[] = [];
  readonly #locked: KeyName[] = [];

  constructor(private readonly raw: RawConfig) {
    for (const name of [...raw.keys()].filter((key) => !isKeyName(key)).sort()) {
      this.#problems.push(unknownKey(name, nearestKey(name)));
    }
  }

  take<T>(name: KeyName, parse: (text: string) => Checked<T>): T | undefined {
    const key: ConfigKey = KEYS[name];
    const { text, secret } = this.raw.get(name) ?? {
      text: defaultText(key),
      secret: key.secret === true || key.encrypted === true,
    };
    if (text === undefined) {
      this.#locked.push(name);
      return undefined;
    }
    if (text.trim() === "" && key.default === undefined) {
      this.#problems.push(missing(name, ALLOWED[name]));
      return undefined;
    }
    const mustBeEncrypted = key.secret === true || (key.encrypted === true && text.trim() !== "");
    if (mustBeEncrypted && !secret) {
      this.#problems.push(storedInTheClear(name, ALLOWED[name]));
      return undefined;
    }
    const checked = parse(text);
    if (checked.ok) return checked.value;
    this.#problems.push(...checked.faults.map((fault) => problemOf(name, ALLOWED[name], fault, { text, secret })));
    return undefined;
  }

  problems(): readonly Problem[] {
    return inKeyOrder(this.#problems);
  }

  locked(): readonly KeyName[] {
    return Object.keys(KEYS)
      .filter(isKeyName)
      .filter((name) => this.#locked.includes(name));
  }
}

/** A default as Pulumi would hand it over; nothing for a required key. */
function defaultText({ default: value }: ConfigKey): string {
  if (value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The default aliases give way to a primary address that is one of them; a list that was written does not. */
function aliasText(text: string, primary: string | undefined, domain: string | undefined): string {
  if (text !== JSON.stringify(KEYS.aliases.default)) return text;
  return JSON.stringify(KEYS.aliases.default.filter((alias) => `${alias}@${domain ?? ""}` !== primary));
}

type Complete<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

function isComplete<T extends object>(values: T): values is T & Complete<T> {
  return Object.values(values).every((value) => value !== undefined);
}

function shown(values: EffectiveValues): EffectiveValues {
  const show = (name: KeyName): unknown => {
    const value = values[name];
    // A key that may be secret is only when it has a value.
    if (value instanceof Secret && !isSecret(name)) return value.reveal() === "" ? "" : "[secret]";
    return isSecret(name) || value === undefined ? "[secret]" : value;
  };
  const hidden = Object.fromEntries(
    Object.keys(values)
      .filter(isKeyName)
      .map((name) => [name, show(name)]),
  );
  return { ...values, ...hidden };
}

function isSecret(name: KeyName): boolean {
  const key: ConfigKey = KEYS[name];
  return key.secret === true;
}
