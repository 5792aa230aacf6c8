import { generateKeyPairSync } from "node:crypto";
import { furtherSettings, hasHostsDomain, hostStackOf, namesItself } from "../infra/settings/further";
import { hostOffer } from "../infra/settings/host-offer";
import type { RawConfig } from "../infra/settings/raw";
import type { FurtherSettings, Settings } from "../infra/settings/settings";
import { furtherValuesOf, isFurther, readStackFile, settingsOf, StackFileError } from "../infra/settings/stack-file";
import { sshKeyPair } from "../sandbox/host/ssh-key";

/**
 * The settings of a stack file for who shows only what is public: throw-away values take the place of every secret that
 * is not given and of the account and host that the file leaves open. Mistakes in the file are reported as ever.
 */
export function publicSettings(stack: string, secrets: Readonly<Record<string, string>> = {}): Settings {
  const { raw } = readStackFile(stack);
  const open = Object.entries(STAND_INS).filter(([key]) => (raw.get(key)?.text ?? "") === "");
  const locked = Object.entries(lockedStandIns(raw)).filter(
    ([key]) => raw.get(key)?.text === undefined && raw.has(key),
  );
  return settingsOf(stack, {
    secrets: { ...secretStandIns(), ...Object.fromEntries(locked), ...secrets },
    values: Object.fromEntries(open),
  });
}

/** A stack with the one that has its host, which may be itself. */
export interface StackAndHost {
  readonly settings: Settings | FurtherSettings;
  readonly host: Settings;
}

/**
 * The same of any stack. Of a further domain, what the host's stack would offer is taken from that one's file.
 *
 * @throws StackFileError also when the host's stack is itself a further domain, or has the same domain
 */
export function publicStack(stack: string, secrets: Readonly<Record<string, string>> = {}): StackAndHost {
  const hostStack = hostStackOf(readStackFile(stack).raw);
  if (hostStack === "") {
    const settings = publicSettings(stack, secrets);
    return { settings, host: settings };
  }
  if (hostStack === stack) throw new StackFileError(namesItself(stack));
  const values = furtherValuesOf(stack, { secrets: { ...furtherStandIns(), ...secrets } });
  const host = publicSettings(hostStack);
  if (host.domain === values.domain) throw new StackFileError(hasHostsDomain(stack, host.domain, hostStack));
  const noWorker = { clientId: "stand-in", clientSecret: "stand-in", key: "stand-in", arrivalsKey: "stand-in" };
  return { settings: furtherSettings(values, hostOffer(host, noWorker)), host };
}

/** The stack alone of {@link publicStack}. */
export function publicDomainSettings(
  stack: string,
  secrets: Readonly<Record<string, string>> = {},
): Settings | FurtherSettings {
  return publicStack(stack, secrets).settings;
}

/**
 * As {@link publicSettings}, for who talks to the host or names it: the stack file itself must tell which one it is.
 *
 * @throws StackFileError when it does not, or is a further domain on the host of another stack
 */
export function settingsWithHost(stack: string): Settings {
  needsOwnHost(stack);
  const { raw } = readStackFile(stack);
  const missing = (["accountId", "hostAddress", "hostUser", "hostKey"] as const).filter(
    (key) => (raw.get(key)?.text ?? "") === "",
  );
  if (missing.length > 0)
    throw new StackFileError(
      `Pulumi.${stack}.yaml lacks ${missing.map((key) => `mail:${key}`).join(", ")}. Nothing was done. ` +
        `Set what is missing: npm run settings -- ${stack} shows how.`,
    );
  return publicSettings(stack);
}

/**
 * Refuses a further domain, for who deals with the host alone.
 *
 * @throws StackFileError
 */
export function needsOwnHost(stack: string): void {
  const hostStack = hostStackOf(readStackFile(stack).raw);
  if (hostStack !== "") throw new StackFileError(isFurther(stack, hostStack));
}

const NO_HOST_KEY = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from("ssh-ed25519"),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32),
]);

/** What a stack file may leave to the operator; a value of these is none of a real deployment. */
export const STAND_INS = {
  accountId: "0".repeat(32),
  hostAddress: "192.0.2.1",
  hostUser: "nobody",
  hostKey: `ssh-ed25519 ${NO_HOST_KEY.toString("base64")}`,
} as const;

function secretStandIns(): Record<string, string> {
  const pem = { type: "pkcs8", format: "pem" } as const;
  const ed25519 = generateKeyPairSync("ed25519").privateKey.export(pem).toString();
  return {
    dkimRsaPrivateKey: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pem).toString(),
    dkimEd25519PrivateKey: ed25519,
    hostSshPrivateKey: ed25519,
    resendApiKey: "stand-in",
    adminPassword: "stand-in-password",
    accountPassword: "stand-in-password",
    backupPassword: "stand-in-password-of-backups",
  };
}

/** For what a stack file may encrypt and may lack: a value only where there is one. */
function lockedStandIns(raw: RawConfig): Record<string, string> {
  const url = "https://stand-in.invalid/";
  // The key alone tells which kind of repository an encrypted name is.
  const isSftp = raw.get("backupSshPrivateKey") !== undefined;
  return {
    spoolAlertUrl: url,
    backupAlertUrl: url,
    backupHeartbeatUrl: url,
    backupEnvironment: "STAND_IN=stand-in",
    backupPasswordPrevious: "stand-in-password-of-former-backups",
    backupRepository: isSftp ? "sftp://stand-in@stand-in.invalid//stand-in" : `rest:${url}`,
    backupSshPrivateKey: sshKeyPair().private,
    tunnelSecret: Buffer.alloc(32).toString("base64"),
  };
}

function furtherStandIns(): Record<string, string> {
  const { dkimRsaPrivateKey = "", dkimEd25519PrivateKey = "", accountPassword = "" } = secretStandIns();
  return { dkimRsaPrivateKey, dkimEd25519PrivateKey, accountPassword };
}
