import { compare } from "../jmap/json";
import { nodeCrypto } from "../node-crypto";

/**
 * Names of mailboxes, accounts and scripts as names of files that every usual file system takes: ext4, APFS and NTFS,
 * which hold 255 bytes, take no control characters nor <>:"/\|?*, no dot or blank at the end, no DOS device, and on some
 * of which upper and lower case, NFC and NFD are the same.
 */
export const MAX_NAME_BYTES = 200;

// eslint-disable-next-line no-control-regex
const RESERVED = /[%<>:"/\\|?*\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;
const DOS_DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=$|[. ])/i;
/** A folder must not look like a message in it, nor like a name that was made distinct. */
const MESSAGE_LIKE = /\.(?=eml$)/i;
const MARK_LIKE = /~(?=[0-9a-f]{8}$)/;
const MARK_BYTES = 9;

/** A name among its siblings. `key` is distinct among them and does not change: it decides between equal names. */
export interface Named {
  readonly name: string;
  readonly key: string;
}

/**
 * A file name for each item, by its key, in which no two are the same even where case and normal form do not count. It
 * depends on the set of names only, not on their order. Where names would clash, the first one in code unit order
 * stays as it is, the others get a mark: `~` and 8 hexadecimal digits.
 */
export function fileNames(items: readonly Named[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const inOrder = [...items].sort((one, other) => compare(one.name, other.name) || compare(one.key, other.key));
  for (const { name, key } of inOrder) {
    let candidate = fileName(name);
    for (let salt = 0; taken.has(folded(candidate)); salt += 1)
      candidate = marked(candidate, `${name}\0${salt === 0 ? "" : `${key}${salt}`}`);
    taken.add(folded(candidate));
    names.set(key, candidate);
  }
  return names;
}

/** The name alone: readable, and only percent-encoded where it must be. Names too long are cut and marked. */
export function fileName(name: string): string {
  // What is no Unicode text becomes U+FFFD.
  const wellFormed = Buffer.from(name).toString();
  const normal = wellFormed.normalize("NFC");
  const escaped = normal
    .replace(RESERVED, percent)
    .replace(/^[. ]/, percent)
    .replace(/[. ]$/, percent)
    .replace(DOS_DEVICE, (device: string) => `${percent(device.charAt(0))}${device.slice(1)}`)
    .replace(MESSAGE_LIKE, percent)
    .replace(MARK_LIKE, percent);
  const isWhole = Buffer.byteLength(escaped) <= MAX_NAME_BYTES && name === wellFormed && escaped !== "";
  return isWhole ? escaped : marked(escaped, name);
}

/** As a file system sees it that tells neither case nor normal form apart. */
export function folded(name: string): string {
  return name.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().normalize("NFKC");
}

function percent(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

function marked(name: string, seed: string): string {
  const plain = name.replace(/~[0-9a-f]{8}$/, "");
  let cut = "";
  for (const character of plain) {
    if (Buffer.byteLength(cut) + Buffer.byteLength(character) > MAX_NAME_BYTES - MARK_BYTES) break;
    cut += character;
  }
  // What a cut leaves at the end may be half of an escape; a whole one or none is easier to read.
  const whole = cut.length < plain.length ? cut.replace(/%[0-9A-F]?$/, "") : cut;
  return `${whole}~${hash8(seed)}`;
}

/** Of UTF-16, so that names that are no valid Unicode differ as well. */
function hash8(seed: string): string {
  return nodeCrypto().createHash("sha256").update(Buffer.from(seed, "utf16le")).digest("hex").slice(0, 8);
}
