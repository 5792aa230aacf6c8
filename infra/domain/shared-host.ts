import { quote } from "../settings/fault";
import type { Foreign } from "../settings/foreign";
import { KEYS, type KeyName } from "../settings/keys";
import type { RawConfig } from "../settings/raw";
import { readStackFile, StackFileError } from "../settings/stack-file";
import { stacksIn } from "./dependents";

/**
 * What to say of a stack that installs into the same folder of the same host as the stack of another domain, as a file that was
 * copied for a second domain would; undefined when no other file does. A file that cannot be read says nothing.
 *
 * @param stack the stack's name @param raw its configuration
 */
export function sharedHost(projectFolder: string, stack: string, raw: RawConfig): Foreign | undefined {
  const own = placeOf(raw);
  if (own === undefined) return undefined;
  const other = stacksIn(projectFolder).find((name) => {
    const theirs = name === stack ? undefined : placeOf(rawOf(projectFolder, name));
    return theirs !== undefined && theirs.place === own.place && theirs.domain !== own.domain;
  });
  if (other === undefined) return undefined;
  return {
    key: "hostAddress",
    seen: quote(own.address),
    consequence:
      `Pulumi.${other}.yaml, the stack of another domain, installs into the same folder of the same host, and each up would ` +
      `replace what the other one installed. For one more domain on that host: pulumi config set mail:hostStack ${other} ` +
      `--stack ${stack} (docs/domains.md). For a second server on it, give each stack its own mail:hostFolder and mail:hostSubnet.`,
  };
}

/** Undefined for a stack without a host of its own. */
function placeOf(raw: RawConfig) {
  const address = textOf(raw, "hostAddress");
  if (address === "" || textOf(raw, "hostStack") !== "") return undefined;
  const place = JSON.stringify([address, textOf(raw, "hostPort"), textOf(raw, "hostUser"), textOf(raw, "hostFolder")]);
  return { address, place, domain: textOf(raw, "domain") };
}

/** In lower case, with the key's default; empty for an encrypted value. */
function textOf(raw: RawConfig, key: KeyName): string {
  const value = raw.get(key);
  if (value?.secret === true) return "";
  const definition = KEYS[key];
  const byDefault = "default" in definition ? String(definition.default) : "";
  return (value?.text ?? byDefault).trim().toLowerCase();
}

function rawOf(projectFolder: string, stack: string): RawConfig {
  try {
    return readStackFile(stack, projectFolder).raw;
  } catch (error) {
    if (error instanceof StackFileError) return new Map();
    throw error;
  }
}
