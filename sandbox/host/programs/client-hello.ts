const HANDSHAKE = 0x16;
const RECORD_HEAD = 5;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;

/**
 * The server name in the TLS ClientHello at the beginning of `bytes` (RFC 8446 section 4.1.2, RFC 6066 section 3): "" for none.
 * Undefined while it is not complete.
 *
 * @throws Error when the bytes are no ClientHello
 */
export function serverName(bytes: Buffer): string | undefined {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE) throw new Error("no TLS handshake");
  if (bytes.length < RECORD_HEAD) return undefined;
  const end = RECORD_HEAD + bytes.readUInt16BE(3);
  if (bytes.length < end) return undefined;
  if (bytes[RECORD_HEAD] !== CLIENT_HELLO) throw new Error("no ClientHello");
  // Type, length, version, random.
  let at = RECORD_HEAD + 4 + 2 + 32;
  at += 1 + bytes.readUInt8(at); // session id
  at += 2 + bytes.readUInt16BE(at); // cipher suites
  at += 1 + bytes.readUInt8(at); // compression
  const last = at + 2 + bytes.readUInt16BE(at);
  for (at += 2; at + 4 <= last; at += 4 + bytes.readUInt16BE(at + 2))
    if (bytes.readUInt16BE(at) === SERVER_NAME) {
      // Extension head, list length, type of name.
      const name = at + 4 + 2 + 1;
      return bytes.toString("latin1", name + 2, name + 2 + bytes.readUInt16BE(name));
    }
  return "";
}
