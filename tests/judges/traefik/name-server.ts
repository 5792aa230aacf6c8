import { createSocket } from "node:dgram";

/** RFC 1035 section 3.2.2. */
const SOA = 6;
const TXT = 16;
const HEAD = 12;
const CLASS_IN = 1;
const TTL = 1;
/** A pointer to the question's name. */
const SAME_NAME = 0xc00c;
/** An answer, with authority, and recursion that was asked for. */
const FLAGS = 0x8580;

export interface NameServer {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly close: () => Promise<void>;
}

/** A DNS server (RFC 1035, UDP) for one zone: its SOA record and the TXT records that `texts` finds, nothing else. */
export async function nameServer(zone: string, texts: (name: string) => readonly string[]): Promise<NameServer> {
  const socket = createSocket("udp4", (query, { address, port }) => socket.send(answer(query), port, address));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", () => resolve()));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };

  function answer(query: Buffer): Buffer {
    const { name, end } = questionOf(query);
    const type = query.readUInt16BE(end);
    const data = dataOf(type, name);
    const head = Buffer.alloc(HEAD);
    head.writeUInt16BE(query.readUInt16BE(0), 0);
    [FLAGS, 1, data.length].forEach((value, index) => head.writeUInt16BE(value, 2 + 2 * index));
    return Buffer.concat([head, query.subarray(HEAD, end + 4), ...data.map((each) => record(type, each))]);
  }

  function dataOf(type: number, name: string): readonly Buffer[] {
    if (type === TXT) return texts(name).map((text) => labels([text]));
    if (type !== SOA || name !== zone) return [];
    const times = Buffer.alloc(20, 1);
    return [Buffer.concat([domain(`ns.${zone}`), domain(`hostmaster.${zone}`), times])];
  }
}

function questionOf(query: Buffer): { readonly name: string; readonly end: number } {
  const parts: string[] = [];
  let at = HEAD;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    parts.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: parts.join(".").toLowerCase(), end: at + 1 };
}

function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUInt16BE(SAME_NAME, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(TTL, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function domain(name: string): Buffer {
  return Buffer.concat([labels(name.split(".")), Buffer.from([0])]);
}

function labels(texts: readonly string[]): Buffer {
  return Buffer.concat(texts.flatMap((text) => [Buffer.from([text.length]), Buffer.from(text, "latin1")]));
}
