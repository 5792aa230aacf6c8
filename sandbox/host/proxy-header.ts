/** PROXY protocol version 2 (HAProxy's specification, section 2.2). */
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const HEAD = 16;
/** Version 2, command LOCAL: the sandbox's connections have no address worth telling. */
const LOCAL = 0x20;

/** A header without addresses. */
export function proxyHeader(): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.from([LOCAL, 0, 0, 0])]);
}

/**
 * Bytes of the header at the beginning; undefined while it is not complete.
 *
 * @throws Error when there is none: a listener that trusts its peer takes nothing else
 */
export function proxyHeaderLength(bytes: Buffer): number | undefined {
  const seen = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, seen).equals(SIGNATURE.subarray(0, seen))) throw new Error("no PROXY header");
  if (bytes.length < HEAD) return undefined;
  const length = HEAD + bytes.readUInt16BE(14);
  return bytes.length < length ? undefined : length;
}
