import { spawnSync } from "node:child_process";

import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Key {
  readonly type: string;
  readonly required: boolean;
  readonly values?: readonly unknown[];
}

/** Names and types of Apple's published payload keys; the file names its source. */
const keys = JSON.parse(readFileSync(join(__dirname, "data", "apple-payload-keys.json"), "utf8")) as {
  readonly payloads: Readonly<Record<string, Readonly<Record<string, Key>>>>;
};

/** A property list as Python's plistlib reads it: somebody else's parser. Throws for what it refuses. */
export function readPlist(content: string | Buffer): unknown {
  const program =
    "import json,plistlib,sys; json.dump(plistlib.load(sys.stdin.buffer, fmt=plistlib.FMT_XML), sys.stdout)";
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program], { input: content, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as unknown;
}

/** What Apple's published keys say against a profile; empty: nothing. */
export function profileFaults(profile: unknown): readonly string[] {
  if (!isDictionary(profile)) return ["the profile is no dictionary"];
  const payloads = profile["PayloadContent"];
  return [
    ...faults("profile", profile, keysOf("TopLevel")),
    ...(Array.isArray(payloads) ? payloads : []).flatMap((payload: unknown, index) => {
      if (!isDictionary(payload)) return [`payload ${index} is no dictionary`];
      const type = String(payload["PayloadType"]);
      const own = keysOf(type);
      if (Object.keys(own).length === 0) return [`payload ${index} has the unknown type ${type}`];
      return faults(type, payload, { ...keysOf("CommonPayloadKeys"), ...own });
    }),
  ];
}

function faults(
  where: string,
  dictionary: Readonly<Record<string, unknown>>,
  allowed: Readonly<Record<string, Key>>,
): readonly string[] {
  const missing = Object.entries(allowed)
    .filter(([key, { required }]) => required && !(key in dictionary))
    .map(([key]) => `${where}: ${key} is missing`);
  const wrong = Object.entries(dictionary).flatMap(([key, value]) => {
    const known = allowed[key];
    if (!known) return [`${where}: ${key} is no key of Apple's`];
    if (typeOf(value) !== known.type) return [`${where}: ${key} is no ${known.type}`];
    return known.values?.includes(value) === false ? [`${where}: ${key} may not be ${String(value)}`] : [];
  });
  return [...missing, ...wrong];
}

function keysOf(type: string): Readonly<Record<string, Key>> {
  return keys.payloads[type] ?? {};
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "real";
  return typeof value === "object" ? "dictionary" : typeof value;
}

function isDictionary(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
