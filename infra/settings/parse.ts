import { parseAcmeDnsToken, parseAcmeZone } from "./acme";
import {
  backupOf,
  needsSsh,
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
import { parseStorageHostKeys, parseStorageKey } from "./backup-sftp";
import {
  clientLabels,
  clientsHostname,
  parseAdminAccess,
  parseMachineName,
  parsePeople,
  parseTag,
  parseTunnelled,
  type TailnetMode,
  tcpHostnames,
} from "./clients";
import { domainPart, ownHostnames, takeDomain } from "./domain-part";
import { parseFolder, parseHostAddress, parsePort, parseSubnet, parseUser } from "./host";
import { OWN_LABELS, parseHostname } from "./hostnames";
import type { KeyName } from "./keys";
import type { Problem } from "./problem";
import type { RawConfig } from "./raw";
import { type Complete, type EffectiveValues, isComplete, Reader, shown } from "./reader";
import { parseKept, parseTunnelSecret } from "./rotation";
import type { Settings } from "./settings";
import { parseAlertUrl, parseWithin } from "./spool";
import { parseHostKey, parseSshPrivateKey } from "./ssh";
import { parseAccountId, parseApiKey, parseBoolean, parseChoice, parsePassword, parseWorkerName } from "./values";

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
  const own = takeDomain(reader);
  const { domain, resendRecords } = own;
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

  const workerKeyNumber = reader.take("workerKeyNumber", (text) => parseWithin(text, 1, 9_999));
  const accessTokenNumber = reader.take("accessTokenNumber", (text) => parseWithin(text, 1, 9_999));

  return {
    ...own,
    accountId: reader.take("accountId", parseAccountId),
    inboundDelivery: reader.take("inboundDelivery", (text) => parseChoice(text, ["jmap", "lmtp"])),
    serverHostname,
    inboundHostname,
    workerName: reader.take("workerName", parseWorkerName),
    resendApiKey: reader.take("resendApiKey", parseApiKey),
    adminPassword: reader.take("adminPassword", parsePassword),
    workerKeyNumber,
    workerKeyKept: reader.take("workerKeyKept", (text) => parseKept(text, workerKeyNumber)),
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
    clientPeople: reader.take("clientPeople", (text) => parsePeople(text, own.primaryAddress)),
    adminAccess: reader.take("adminAccess", (text) => parseAdminAccess(text, tailnet)),
    acmeTokenNumber: reader.take("acmeTokenNumber", (text) => parseWithin(text, 1, 9_999)),
    acmeDnsToken: reader.take("acmeDnsToken", parseAcmeDnsToken),
    acmeZone: reader.take("acmeZone", (text) => parseAcmeZone(text, domain)),
  } satisfies Record<Exclude<KeyName, "hostStack">, unknown>;
}

function takeBackup(reader: Reader) {
  const backup = reader.take("backup", (text) => parseChoice(text, ["off", "s3", "repository"]));
  const backupKeyNumber = reader.take("backupKeyNumber", (text) => parseWithin(text, 1, 9_999));
  const backupExportAt = reader.take("backupExportAt", (text) => parseBackupTime(text));
  const backupRepository = reader.take("backupRepository", (text) => parseRepository(text, backup));
  const ssh = needsSsh(backup, backupRepository);
  return {
    backup,
    backupBucket: reader.take("backupBucket", (text) => parseBucket(text, backup)),
    backupPrefix: reader.take("backupPrefix", parsePrefix),
    backupRegion: reader.take("backupRegion", parseRegion),
    backupBucketImport: reader.take("backupBucketImport", parseBoolean),
    backupRepository,
    backupKeyNumber,
    backupKeyKept: reader.take("backupKeyKept", (text) => parseKept(text, backupKeyNumber)),
    backupPassword: reader.take("backupPassword", (text) => parseBackupPassword(text, backup)),
    backupPasswordPrevious: reader.take("backupPasswordPrevious", (text) => parseBackupPassword(text, "off")),
    backupEnvironment: reader.take("backupEnvironment", (text) => parseBackupEnvironment(text, backup)),
    backupSshPrivateKey: reader.take("backupSshPrivateKey", (text) => parseStorageKey(text, ssh)),
    backupSshHostKey: reader.take("backupSshHostKey", (text) => parseStorageHostKeys(text, ssh)),
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
    ...domainPart(values),
    accountId: values.accountId,
    inboundDelivery: values.inboundDelivery,
    hostnames: {
      server: values.serverHostname,
      inbound: values.inboundHostname,
      lmtp: `lmtp.${domain}`,
      clients: clientsHostname(values.tailnet, values.serverHostname, domain),
      tcp: tcpHostnames(domain),
      ...ownHostnames(domain),
    },
    workerName: values.workerName,
    edge: {
      accessTokenNumber: values.accessTokenNumber,
      accessTokenKept: values.accessTokenKept === 0 ? undefined : values.accessTokenKept,
      tunnelSecret: values.tunnelSecret.reveal() === "" ? undefined : values.tunnelSecret,
    },
    resend: { records: values.resendRecords, apiKey: values.resendApiKey },
    stalwart: {
      adminPassword: values.adminPassword,
      accountPassword: values.accountPassword,
      workerKeyNumber: values.workerKeyNumber,
      workerKeyKept: values.workerKeyKept === 0 ? undefined : values.workerKeyKept,
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
    adminAccess: values.adminAccess,
    acme: {
      tokenNumber: values.acmeTokenNumber,
      dnsToken: values.acmeDnsToken.reveal() === "" ? undefined : values.acmeDnsToken,
      zone: values.acmeZone === "" ? undefined : values.acmeZone,
    },
  };
}
