import { domainPart, ownHostnames, takeDomain } from "./domain-part";
import { bad, type Checked, good } from "./fault";
import type { HostOffer } from "./host-offer";
import { type ConfigKey, KEYS, type KeyName } from "./keys";
import type { ParseResult } from "./parse";
import { ofHostStack } from "./problem";
import type { RawConfig } from "./raw";
import { type Complete, isComplete, Reader, shown } from "./reader";
import { Secret } from "./secret";
import type { FurtherSettings } from "./settings";
import { workerNameOf } from "./spool";
import { isKeyName } from "./spelling";
import { parseWorkerName } from "./values";

/** The stack that has the host; empty when this one does. A text that is no name is for {@link parseFurther} to report. */
export function hostStackOf(raw: RawConfig): string {
  return raw.get("hostStack")?.text?.trim() ?? "";
}

/** What is said to a stack that names itself as the one with the host; its keys of the host are then no mistake. */
export function namesItself(stack: string): string {
  return (
    "mail:hostStack names this stack itself. Only a further domain on the host of another stack has this key. Nothing " +
    `was changed. Run: pulumi config rm mail:hostStack --stack ${stack}`
  );
}

/** What is said to a stack whose domain the host's stack has already. */
export function hasHostsDomain(stack: string, domain: string, hostStack: string): string {
  return (
    `mail:domain ${domain} is the domain of stack ${hostStack}, which has the host (mail:hostStack): two stacks would own ` +
    `the same records. Nothing was changed. Run: pulumi config set mail:domain VALUE --stack ${stack}`
  );
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
  const own = takeDomain(reader);
  return {
    ...own,
    hostStack: reader.take("hostStack", parseStackName),
    workerName: reader.isSet("workerName")
      ? reader.take("workerName", parseWorkerName)
      : own.domain === undefined
        ? undefined
        : workerNameOf(own.domain),
  } satisfies Partial<Record<KeyName, unknown>>;
}

/** What the stack file says, with what the host's stack offers. */
export function furtherSettings(values: FurtherValues, offer: HostOffer): FurtherSettings {
  return {
    ...domainPart(values),
    hostStack: values.hostStack,
    hostDomain: offer.domain,
    accountId: offer.accountId,
    inboundDelivery: offer.inboundDelivery,
    hostnames: { ...offer.hostnames, ...ownHostnames(values.domain) },
    workerName: values.workerName,
    resend: { records: values.resendRecords },
    stalwart: { accountPassword: values.accountPassword },
    host: { ...offer.host, sshPrivateKey: new Secret(offer.host.sshPrivateKey) },
  };
}

function parseStackName(text: string): Checked<string> {
  return /^[A-Za-z0-9_.-]{1,100}$/.test(text) ? good(text) : bad({ rule: "is no name of a stack" });
}
