import { bad, type Checked, type Fault, good, quote } from "./fault";
import { parseHostAddress, parsePort } from "./host";
import { Secret } from "./secret";
import type { SftpLogin } from "./settings";
import { parseSshPrivateKey, publicKeyFault } from "./ssh";

/** Host keys that OpenSSH still takes, without certificates (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). */
const HOST_KEY_TYPES = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
] as const;
const MOST_HOST_KEYS = 16;

/** The two forms of restic (internal/backend/sftp/config.go): only the first one has a port and IPv6 addresses. */
const URL_FORM = /^sftp:\/\/(?<user>[^/]*)@(?<host>\[[^\]/]*\]|[^:/@]*)(?::(?<port>[^/]*))?\/(?<path>.*)$/;
const SCP_FORM = /^sftp:(?!\/\/)(?<user>[^/]*)@(?<host>[^:/@]*):(?<path>.*)$/;
const FORMS = "sftp://USER@HOST[:PORT]//FOLDER or sftp:USER@HOST:/FOLDER (one / less: below the login's home)";

export function isSftp(repository: string): boolean {
  return repository.startsWith("sftp:");
}

/** What is wrong with a repository of restic's on an SFTP server. The parts go into the arguments of ssh. */
export function sftpFault(url: string): Fault | undefined {
  const fault = (rule: string): Fault => ({ rule, allowed: FORMS });
  const parts = (URL_FORM.exec(url) ?? SCP_FORM.exec(url))?.groups;
  const { user = "", host = "", port, path = "" } = parts ?? {};
  if (parts === undefined || user === "") return fault("does not name user, host and folder");
  if (user.includes(":"))
    return { ...fault("has a password in it"), consequence: "Nothing would use it: the login is by key alone." };
  if (!/^\w[\w.@-]*$/.test(user)) return fault("has a user name with other characters than letters, digits, . _ @ -");
  const address = host.replace(/^\[(.*:.*)\]$/, "$1");
  if (!parseHostAddress(address).ok) return fault("names no host");
  if (port !== undefined && !parsePort(port).ok) return fault("has a port that is not from 1 to 65535");
  if (path.startsWith("~"))
    return { ...fault("has a folder that begins with ~"), consequence: "To an SFTP server that is no home." };
  if (/^[/.]*$/.test(path)) return fault("names no folder");
  return /^[\w.@+=,/-]+$/.test(path)
    ? undefined
    : fault("has a folder with other characters than letters, digits, . _ @ + = , - /");
}

/**
 * `text` where an SFTP repository needs it. `needed`: undefined where that cannot be told, because the repository itself is
 * wrong or not readable here.
 */
function whereNeeded<T>(
  text: string,
  needed: boolean | undefined,
  none: T,
  parse: (text: string) => Checked<T>,
): Checked<T> {
  if (text.trim() === "")
    return needed === true ? bad({ rule: "is missing, and mail:backupRepository is reached by sftp" }) : good(none);
  if (needed === false)
    return bad({
      rule: "has no effect: mail:backupRepository is not reached by sftp",
      allowed: "nothing, without an sftp repository",
      remove: true,
    });
  return parse(text);
}

/** Checks the private key that logs in at the storage. */
export function parseStorageKey(text: string, needed: boolean | undefined): Checked<Secret> {
  return whereNeeded(text, needed, new Secret(""), (given) => {
    const checked = parseSshPrivateKey(given);
    if (!checked.ok || checked.value.reveal().startsWith("-----BEGIN OPENSSH PRIVATE KEY-----")) return checked;
    return bad({
      rule: "is not in OpenSSH's own form, the one that every ssh can read",
      allowed: "a key without passphrase in OpenSSH's form: ssh-keygen -t ed25519 -N '' -f FILE",
    });
  });
}

/** Checks the storage's public keys and returns each as `TYPE BASE64`. Takes what `ssh-keyscan` prints. */
export function parseStorageHostKeys(text: string, needed: boolean | undefined): Checked<readonly string[]> {
  return whereNeeded<readonly string[]>(text, needed, [], (given) => {
    const lines = given
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    const keys: string[] = [];
    for (const line of lines) {
      const checked = storageHostKey(line);
      if (!checked.ok) return checked;
      if (!keys.includes(checked.value)) keys.push(checked.value);
    }
    if (keys.length === 0) return bad({ rule: "holds no key" });
    return keys.length <= MOST_HOST_KEYS ? good(keys) : bad({ rule: `has more than ${MOST_HOST_KEYS} keys` });
  });
}

function storageHostKey(line: string): Checked<string> {
  if (line.includes("PRIVATE KEY")) return bad({ rule: "is a private key" });
  if (/^(SHA256|MD5):/.test(line)) return bad({ rule: "is a fingerprint, not the key itself" });
  if (line.startsWith("@")) return bad({ rule: "has a marker (@cert-authority, @revoked)" });
  const words = line.split(/[ \t]+/);
  // The first word of a known_hosts line is the host's name.
  const type = HOST_KEY_TYPES.find((known) => known === words[0] || known === words[1]);
  if (type === undefined)
    return bad({
      rule: "has a line without the type of a host's key",
      detail: `it begins with ${quote(words[0] ?? "")}`,
    });
  const base64 = words[words.indexOf(type) + 1] ?? "";
  const fault = publicKeyFault(type, base64);
  return fault === undefined ? good(`${type} ${base64}`) : bad(fault);
}

/** The login of an SFTP repository; undefined for any other. */
export function sftpLogin(url: Secret, privateKey: Secret, hostKeys: readonly string[]): SftpLogin | undefined {
  return isSftp(url.reveal()) ? { privateKey, hostKeys } : undefined;
}
