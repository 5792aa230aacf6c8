import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";

import { decode, type DecodedPacket, encode, RECURSION_DESIRED, streamEncode } from "dns-packet";

/** A server gave no answer, or none that can be read. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

export interface Question {
  readonly name: string;
  readonly type: string;
  /** Ask for recursion. */
  readonly recursive: boolean;
  /** Ask for signatures. */
  readonly signatures: boolean;
}

export interface Server {
  readonly address: string;
  readonly port: number;
}

export type Reply = DecodedPacket & { readonly rcode: string };

/** For one datagram; two are sent. */
const TRY_MS = 1_300;
const TRIES = 2;
/** What passes everywhere without fragments (DNS flag day 2020). */
const PAYLOAD_BYTES = 1_232;
const TCP_LENGTH_BYTES = 2;

/** One question and its answer: UDP, and TCP when it does not fit (RFC 1035 section 4.2, RFC 7766). */
export async function exchange(server: Server, question: Question): Promise<Reply> {
  const packet = {
    type: "query",
    id: randomInt(0x10000),
    flags: question.recursive ? RECURSION_DESIRED : 0,
    questions: [{ name: question.name, type: question.type }],
    additionals: [
      {
        type: "OPT",
        name: ".",
        udpPayloadSize: PAYLOAD_BYTES,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: question.signatures ? 0x8000 : 0,
        options: [],
      },
    ],
  } as unknown as Parameters<typeof encode>[0];
  for (let tries = 0; tries < TRIES; tries += 1) {
    const answer = await overUdp(server, encode(packet), (reply) => isAnswer(reply, packet.id, question));
    if (answer === undefined) continue;
    return answer.flag_tc ? await overTcp(server, streamEncode(packet)) : answer;
  }
  throw new NoAnswer(`${server.address} gives no answer about ${question.name} ${question.type}`);
}

function isAnswer(reply: Reply, id: number | undefined, { name, type }: Question): boolean {
  const [asked] = reply.questions ?? [];
  return reply.id === id && reply.flag_qr && asked?.type === type && bare(asked.name) === bare(name);
}

function bare(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function overUdp(
  { address, port }: Server,
  query: Buffer,
  isAnswer: (reply: Reply) => boolean,
): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    const end = (reply: Reply | undefined) => {
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(() => end(undefined), TRY_MS);
    socket.on("error", () => end(undefined));
    socket.on("message", (bytes) => {
      const reply = read(bytes);
      if (reply !== undefined && isAnswer(reply)) end(reply);
    });
    // A connected socket takes datagrams of this server only, and learns that its port is closed.
    socket.connect(port, address, () => socket.send(query));
  });
}

function overTcp({ address, port }: Server, query: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect({ host: address, port, timeout: TRY_MS });
    const fail = () => {
      socket.destroy();
      reject(new NoAnswer(`${address} gives no answer over TCP`));
    };
    socket.on("error", fail).on("timeout", fail).on("close", fail);
    socket.on("connect", () => socket.write(query));
    socket.on("data", (part) => {
      parts.push(part);
      const bytes = Buffer.concat(parts);
      if (bytes.length < TCP_LENGTH_BYTES || bytes.length < TCP_LENGTH_BYTES + bytes.readUInt16BE(0)) return;
      const reply = read(bytes.subarray(TCP_LENGTH_BYTES));
      if (reply === undefined) return fail();
      resolve(reply);
      socket.destroy();
    });
  });
}

function read(bytes: Buffer): Reply | undefined {
  try {
    return decode(bytes) as Reply;
  } catch {
    return undefined;
  }
}
