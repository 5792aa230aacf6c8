import { generateKeyPairSync } from "node:crypto";
import type { KeyName } from "../../../infra/settings/keys";
import {
  type ParseResult,
  parseSettings,
  type Problem,
  type RawConfig,
  type RawValue,
} from "../../../infra/settings/parse";
import type { Settings } from "../../../infra/settings/settings";

export const PEM = { type: "pkcs8", format: "pem" } as const;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");

export const KEY_PAIRS = { rsa, ed25519 };

/** An SSH wire string. */
export function sshString(content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The blob of an SSH public key with a type of one's choice. */
export function sshBlob(type: string, key: Buffer): string {
  return Buffer.concat([sshString(type), sshString(key)]).toString("base64");
}

/** An OpenSSH private key file as ssh-keygen lays it out; its private section is filler. */
export function opensshKey(cipher: string): string {
  const kdf = cipher === "none" ? "none" : "bcrypt";
  const count = Buffer.from([0, 0, 0, 1]);
  const parts = [sshString(cipher), sshString(kdf), sshString(""), count, sshString("public"), sshString("private")];
  const body = Buffer.concat([Buffer.from("openssh-key-v1\0"), ...parts]).toString("base64");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

export const HOST_KEY = `ssh-ed25519 ${sshBlob("ssh-ed25519", Buffer.alloc(32, 7))}`;

export const SECRETS = {
  dkimRsaPrivateKey: rsa.privateKey.export(PEM).toString(),
  dkimEd25519PrivateKey: ed25519.privateKey.export(PEM).toString(),
  resendApiKey: "re_4c1f0e7b5a9d4b0f8f3b",
  adminPassword: "vAult-8-Kings-moon",
  accountPassword: "tulip-Ferry-21-salt",
  hostSshPrivateKey: opensshKey("none"),
} as const;

const PLAIN = {
  domain: "example.test",
  accountId: "0123456789abcdef0123456789abcdef",
  primaryAddress: "root@example.test",
  dkimRsaSelector: "202602r",
  dkimEd25519Selector: "202602e",
  hostAddress: "192.0.2.10",
  hostUser: "mail",
  hostKey: `${HOST_KEY} root@host`,
} as const;

/** The least that is valid, with changes: `undefined` takes a key away. */
export function rawWith(changes: Readonly<Record<string, string | RawValue | undefined>> = {}): RawConfig {
  const raw = new Map<string, RawValue>();
  for (const [key, text] of Object.entries(PLAIN)) raw.set(key, { text, secret: false });
  for (const [key, text] of Object.entries(SECRETS)) raw.set(key, { text, secret: true });
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) raw.delete(key);
    else if (typeof value === "string") raw.set(key, { text: value, secret: key in SECRETS });
    else raw.set(key, value);
  }
  return raw;
}

export function settingsWith(changes: Parameters<typeof rawWith>[0] = {}): Settings {
  const result = parseSettings(rawWith(changes));
  if (result.kind !== "settings") throw new Error(JSON.stringify(result, undefined, 2));
  return result.settings;
}

export function problemsOf(result: ParseResult<unknown>): readonly Problem[] {
  return result.kind === "problems" ? result.problems : [];
}

export function problemsWith(changes: Partial<Record<KeyName, string | RawValue | undefined>>): readonly Problem[] {
  return problemsOf(parseSettings(rawWith(changes)));
}

/** Jest's matchers are typed `any`; these are not. */
export const anything: unknown = expect.anything();
export const textWith = (part: string): unknown => expect.stringContaining(part);
export const textLike = (pattern: RegExp): unknown => expect.stringMatching(pattern);
export const objectWith = (part: object): unknown => expect.objectContaining(part);
export const listWith = (part: readonly unknown[]): unknown => expect.arrayContaining([...part]);
