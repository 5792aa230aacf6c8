/** As much of RFC 1035 as a question and the head of its answer need. */
export const TYPES = { A: 1, AAAA: 28, HTTPS: 65 } as const;
export const NOERROR = 0;
export const NXDOMAIN = 3;
export const REFUSED = 5;

const HEAD = 12;

export interface Answered {
  readonly code: number;
  /** IPv4 addresses of the answer section. */
  readonly addresses: readonly string[];
  /** Records of the answer and of the authority section. */
  readonly answers: number;
  readonly authorities: number;
}

export function question(name: string, type: keyof typeof TYPES): Buffer {
  const head = Buffer.from([0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, TYPES[type], 0, 1])]);
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

function skipName(message: Buffer, from: number): number {
  for (let at = from; ;) {
    const length = message[at] ?? 0;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
}
