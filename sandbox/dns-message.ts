/** As much of DNS messages (RFC 1035 section 4) as one question and addresses in its answer need. */
export const TYPES = { A: 1, AAAA: 28, HTTPS: 65 } as const;
export type QueryType = keyof typeof TYPES;
export const NOERROR = 0;
export const SERVFAIL = 2;
export const NXDOMAIN = 3;
export const REFUSED = 5;

const HEAD = 12;
const CLASS_IN = 1;
const SOA = 6;
const TTL_SECONDS = 60;
/** A pointer to the question's name. */
const SAME_NAME = 0xc00c;
/** An answer, with authority, without recursion. */
const FLAGS = 0x8400;
/** What a SOA record needs at least: two empty names and five numbers. */
const SHORTEST_SOA = 2 + 5 * 4;

export interface Answered {
  readonly code: number;
  /** IPv4 addresses of the answer section. */
  readonly addresses: readonly string[];
  /** Records of the answer and of the authority section. */
  readonly answers: number;
  readonly authorities: number;
}

export interface Asked {
  readonly name: string;
  /** A number of the registry; {@link TYPES} has some. */
  readonly type: number;
}

export function question(name: string, type: QueryType): Buffer {
  const head = Buffer.from([0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, TYPES[type], 0, CLASS_IN])]);
}

export function parseAnswer(message: Buffer): Answered {
  const answers = message.readUInt16BE(6);
  const addresses: string[] = [];
  let at = skipName(message, HEAD) + 4;
  for (let each = 0; each < answers; each += 1) {
    at = skipName(message, at);
    const size = message.readUInt16BE(at + 8);
    if (message.readUInt16BE(at) === TYPES.A) addresses.push([...message.subarray(at + 10, at + 14)].join("."));
    at += 10 + size;
  }
  return { code: (message[3] ?? 0) & 0x0f, addresses, answers, authorities: message.readUInt16BE(8) };
}

/** The question of a query, its name in lower case; undefined for what is no query. */
export function parseQuestion(query: Buffer): Asked | undefined {
  const labels: string[] = [];
  let at = HEAD;
  for (let length = query[at]; length !== 0; length = query[at]) {
    if (length === undefined) return undefined;
    labels.push(query.toString("latin1", at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return query.length < at + 5 ? undefined : { name: labels.join("."), type: query.readUInt16BE(at + 1) };
}

/**
 * The answer to a query with one question. Without data the authority section has a SOA record, by which clients know how long
 * that holds (RFC 2308).
 *
 * @param addresses IPv4, for a question of type A
 */
export function answerTo(query: Buffer, code: number, addresses: readonly string[]): Buffer {
  const end = skipName(query, HEAD) + 4;
  const isEmpty = addresses.length === 0 && (code === NOERROR || code === NXDOMAIN);
  const head = Buffer.alloc(HEAD);
  [query.readUInt16BE(0), FLAGS | code, 1, addresses.length, isEmpty ? 1 : 0].forEach((value, index) =>
    head.writeUInt16BE(value, 2 * index),
  );
  return Buffer.concat([
    head,
    query.subarray(HEAD, end),
    ...addresses.map((address) => record(TYPES.A, Buffer.from(address.split(".").map(Number)))),
    ...(isEmpty ? [record(SOA, Buffer.alloc(SHORTEST_SOA))] : []),
  ]);
}

function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(HEAD);
  [SAME_NAME, type, CLASS_IN, 0, TTL_SECONDS, data.length].forEach((value, index) =>
    head.writeUInt16BE(value, 2 * index),
  );
  return Buffer.concat([head, data]);
}

function skipName(message: Buffer, from: number): number {
  for (let at = from; ;) {
    const length = message[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
}
