import { normalLines, privateKeyOf } from "./dkim";
import { bad, type Checked, type Fault, good, quote } from "./fault";
import { Secret } from "./secret";

const KEY_TYPE = "ssh-ed25519";
/** RFC 8032 §5.1.5. */
const ED25519_BYTES = 32;
/** Key types as OpenSSH names them (ssh-keygen(1), RFC 4253 §6.6). */
const ANY_KEY_TYPE = /^(sk-)?(ssh|ecdsa)-[a-z0-9-]+(@openssh\.com)?$/;

/**
 * Checks the host's public key and returns it as `ssh-ed25519 BASE64`, without comment. The blob must really name
 * ssh-ed25519 and hold 32 bytes (RFC 8709 §4): a cut or mixed-up key would otherwise show only as a failed connection.
 */
export function parseHostKey(text: string): Checked<string> {
  const line = text.trim();
  if (/PRIVATE KEY/.test(line)) {
    return bad({
      rule: "is a private key",
      consequence:
        "It is in the clear in the stack file: make a new host key on the host (ssh-keygen -A after removing the old one) and set its public half.",
    });
  }
  if (/^(SHA256|MD5):/.test(line)) return bad({ rule: "is a fingerprint, not the key itself" });
  if (line.startsWith("#")) return bad({ rule: "is the comment line that ssh-keyscan prints before the key" });
  if (/[\r\n]/.test(line))
    return bad({ rule: "is more than one line", allowed: "one line: ssh-ed25519 and the key in base64" });
  const [type = "", blob, ...rest] = line.split(/[ \t]+/);
  if (type === KEY_TYPE) {
    const fault = publicKeyFault(KEY_TYPE, blob ?? "");
    return fault === undefined ? good(`${KEY_TYPE} ${blob ?? ""}`) : bad(fault);
  }
  if (ANY_KEY_TYPE.test(type)) {
    return bad({
      rule: `is not an ${KEY_TYPE} key`,
      detail: `its type is ${quote(type)}`,
      consequence: "The program pins the Ed25519 host key, which every OpenSSH server has.",
    });
  }
  if (blob !== undefined && ANY_KEY_TYPE.test(blob)) {
    const mend = parseHostKey([blob, ...rest].join(" "));
    return bad({
      rule: "is a known_hosts line: it has the host's name in front",
      ...(mend.ok ? { mend: mend.value } : {}),
    });
  }
  if (publicKeyFault(KEY_TYPE, type) === undefined) {
    return bad({ rule: "lacks the key type in front", mend: `${KEY_TYPE} ${type}` });
  }
  return bad({ rule: "is no SSH public key" });
}

/** What is wrong with a public key of that type (RFC 4253 §6.6); all are strings of RFC 4251 §5, the first is the type. */
export function publicKeyFault(type: string, base64: string): Fault | undefined {
  const bytes = Buffer.from(base64, "base64");
  if (base64 === "" || bytes.toString("base64") !== base64) return { rule: "does not hold the key in base64" };
  const reader = new SshReader(bytes);
  if (reader.string()?.toString("latin1") !== type)
    return { rule: `is not what it says: the data inside is not of type ${type}` };
  const first = reader.string();
  if (type === KEY_TYPE && (first?.length !== ED25519_BYTES || !reader.atEnd()))
    return { rule: `is cut or damaged: it does not hold ${ED25519_BYTES} bytes of key` };
  while (!reader.atEnd()) if (reader.string() === undefined) return { rule: "is cut or damaged" };
  return first === undefined ? { rule: "is cut or damaged" } : undefined;
}

/** Checks an SSH private key: OpenSSH's own form or PEM, not encrypted, because nobody is there to type a passphrase. */
export function parseSshPrivateKey(text: string): Checked<Secret> {
  const key = normalLines(text);
  const fault = key.startsWith(OPENSSH_BEGIN) ? opensshFault(key) : sshPemFault(key);
  return fault === undefined ? good(new Secret(key)) : bad(fault);
}

const OPENSSH_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
const OPENSSH_END = "-----END OPENSSH PRIVATE KEY-----\n";

function sshPemFault(key: string): Fault | undefined {
  if (key.startsWith("PuTTY-User-Key-File"))
    return { rule: "is a key in PuTTY's form", allowed: "OpenSSH's form: puttygen KEY -O private-openssh" };
  const parsed = privateKeyOf(key);
  return "rule" in parsed ? parsed : undefined;
}

/** OpenSSH's PROTOCOL.key: magic, cipher, kdf, kdf options, number of keys, public key, private section. */
function opensshFault(key: string): Fault | undefined {
  const damaged = { rule: "is cut or damaged: its base64 does not hold an OpenSSH private key" };
  if (!key.endsWith(OPENSSH_END)) return { rule: "is cut: the line END OPENSSH PRIVATE KEY is missing" };
  const bytes = Buffer.from(key.slice(OPENSSH_BEGIN.length, -OPENSSH_END.length), "base64");
  const magic = Buffer.from("openssh-key-v1\0", "latin1");
  if (!bytes.subarray(0, magic.length).equals(magic)) return damaged;
  const reader = new SshReader(bytes.subarray(magic.length));
  const cipher = reader.string()?.toString("latin1");
  if (cipher === undefined) return damaged;
  if (cipher !== "none") {
    return {
      rule: "is a private key encrypted with a passphrase",
      consequence: "Nobody is there to type it when the program connects.",
      allowed: "a key without passphrase: ssh-keygen -p -N '' -f KEY, or a new one only for this host",
    };
  }
  reader.string();
  reader.string();
  const keys = reader.uint32();
  const sections = [reader.string(), reader.string()];
  return keys === 1 && !sections.includes(undefined) && reader.atEnd() ? undefined : damaged;
}

/** Reads the length-prefixed strings of RFC 4251 §5. */
class SshReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  uint32(): number | undefined {
    if (this.#at + 4 > this.bytes.length) return undefined;
    this.#at += 4;
    return this.bytes.readUInt32BE(this.#at - 4);
  }

  string(): Buffer | undefined {
    const length = this.uint32();
    if (length === undefined || this.#at + length > this.bytes.length) return undefined;
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  atEnd(): boolean {
    return this.#at === this.bytes.length;
  }
}
