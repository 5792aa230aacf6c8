/** PROXY protocol version 2 (HAProxy's specification), as much as TCP over IPv4 needs. */
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const HEAD = 16;
const PROXY = 0x21;
const TCP4 = 0x11;
const ADDRESSES = 12;

/** A header by which a peer says that `source` is the client. */
export function proxyHeader(source: string): Buffer {
  const head = Buffer.from([PROXY, TCP4, 0, ADDRESSES]);
  const ports = Buffer.from([0x9c, 0x40, 0x03, 0xe1]);
  return Buffer.concat([SIGNATURE, head, address(source), address("192.0.2.1"), ports]);
}

/** The header at the beginning of `received`; undefined while it is not complete. Throws for anything else. */
export function readProxyHeader(received: Buffer): { readonly source: string; readonly length: number } | undefined {
  const seen = Math.min(received.length, SIGNATURE.length);
  if (!received.subarray(0, seen).equals(SIGNATURE.subarray(0, seen))) throw new Error("there is no PROXY header");
  if (received.length < HEAD) return undefined;
  const length = HEAD + received.readUInt16BE(14);
  if (received.length < length) return undefined;
  if (received[12] !== PROXY || received[13] !== TCP4) throw new Error("the PROXY header names no IPv4 client");
  return { source: [...received.subarray(HEAD, HEAD + 4)].join("."), length };
}

function address(text: string): Buffer {
  return Buffer.from(text.split(".").map(Number));
}
