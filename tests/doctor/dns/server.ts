import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server } from "node:net";

import { type Answer, decode, encode, streamEncode } from "dns-packet";

import { listenOn } from "../port";
import { dsOf, signature } from "./signing";
import { answerOf, isWithin, type LabZone, TTL } from "./zone";

const RESOLVER = "127.0.0.53";
const PAYLOAD_BYTES = 1_232;
const AA = 1 << 10;
const TC = 1 << 9;
const RD = 1 << 8;
const AD = 1 << 5;
const CODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/** DNS servers of several zones on loopback, and a resolver over them that believes what their keys say. */
export class LabDns {
  /** Says AD about zones with a DS record. */
  validates = true;
  /** Zones that fail validation. */
  readonly bogus = new Set<string>();
  /** Zones about which the resolver never says AD. */
  readonly insecure = new Set<string>();
  /** Of the resolver. */
  answers = true;
  /** Questions so far: address, name, type. */
  readonly asked: string[] = [];
  port = 0;
  readonly #open: { close(): unknown }[] = [];

  constructor(readonly zones: readonly LabZone[]) {}

  get resolver(): string {
    return RESOLVER;
  }

  async start(): Promise<void> {
    const addresses = [...new Set([RESOLVER, ...this.zones.flatMap(({ servers }) => servers)])];
    this.port = await listenOn(
      async (port) => {
        for (const address of addresses) {
          this.#open.push(await this.#udp(address, port));
          this.#open.push(await this.#tcp(address, port));
        }
      },
      () => this.close(),
    );
  }

  close(): void {
    for (const server of this.#open.splice(0)) server.close();
  }

  #udp(address: string, port: number): Promise<Socket> {
    const socket = createSocket("udp4", (query, from) => {
      const reply = this.#reply(address, query, encode);
      if (reply === undefined) return;
      const cut = reply.length > PAYLOAD_BYTES ? truncated(query) : reply;
      socket.send(cut, from.port, from.address);
    });
    return new Promise((resolve, reject) => {
      socket.once("error", reject).bind(port, address, () => resolve(socket));
    });
  }

  #tcp(address: string, port: number): Promise<Server> {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (bytes) => {
        const reply = this.#reply(address, bytes.subarray(2), streamEncode);
        if (reply === undefined) socket.destroy();
        else socket.end(reply);
      });
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject).listen(port, address, () => resolve(server));
    });
  }

  #reply(
    address: string,
    query: Buffer,
    encoded: (packet: Parameters<typeof encode>[0]) => Buffer,
  ): Buffer | undefined {
    const { id = 0, questions = [] } = decode(query);
    const [question] = questions;
    if (!question) return undefined;
    const name = question.name.toLowerCase().replace(/^\.$/, "");
    this.asked.push(`${address} ${name} ${question.type}`);
    const said =
      address === RESOLVER ? this.#resolve(name, question.type) : this.#authoritative(address, name, question.type);
    if (said === undefined) return undefined;
    const { answers = [], authorities = [], flags, code } = said;
    return encoded({
      type: "response",
      id,
      flags: flags | CODES[code],
      questions,
      answers: [...answers],
      authorities: [...authorities],
    });
  }

  #resolve(name: string, type: string): Said | undefined {
    if (!this.answers) return undefined;
    const answers: Answer[] = [];
    let asked = name;
    let isSecure = this.validates;
    for (let hops = 0; hops < 5; hops += 1) {
      const zone = this.#zoneOf(asked);
      if (!zone) return { flags: RD, code: "NXDOMAIN" };
      if (this.bogus.has(zone.name)) return { flags: RD, code: "SERVFAIL" };
      isSecure &&=
        zone.name === "" || (zone.key !== undefined && this.dsOf(zone).length > 0 && !this.insecure.has(zone.name));
      const [server = ""] = zone.servers;
      const found = this.#at(zone, server, asked, type);
      answers.push(...found);
      const alias = found.find((answer) => answer.type === "CNAME");
      if (alias?.type !== "CNAME" || type === "CNAME") break;
      asked = alias.data;
    }
    return { answers, flags: RD | (isSecure ? AD : 0), code: "NOERROR" };
  }

  #authoritative(address: string, name: string, type: string): Said | undefined {
    const own = this.zones.filter(({ servers }) => servers.includes(address));
    const zone = this.#zoneOf(name, own);
    if (!zone) return { flags: 0, code: "REFUSED" };
    const fault = zone.fault(address);
    if (fault === "silent") return undefined;
    if (fault === "refused") return { flags: 0, code: "REFUSED" };
    const flags = fault === "lame" ? 0 : AA;
    const child = this.zones.find(
      (other) => other.name !== zone.name && isWithin(name, other.name) && isWithin(other.name, zone.name),
    );
    if (child && name === child.name && type === "DS") return { answers: this.dsOf(child), flags, code: "NOERROR" };
    if (child) {
      const cut = zone
        .view(zone.records(), address)
        .filter((record) => record.name === child.name && record.type === "NS");
      return cut.length === 0
        ? { flags, code: "NXDOMAIN" }
        : { authorities: cut.map(answerOf), flags: 0, code: "NOERROR" };
    }
    const answers = this.#at(zone, address, name, type);
    if (answers.length > 0 || type === "DS") return { answers, flags, code: "NOERROR" };
    const exists = zone.view(zone.records(), address).some((record) => isWithin(record.name, name));
    return { flags, code: exists ? "NOERROR" : "NXDOMAIN" };
  }

  dsOf(zone: LabZone): readonly Answer[] {
    return zone.ds ?? (zone.key ? [dsOf(zone.name, zone.key)] : []);
  }

  #zoneOf(name: string, among: readonly LabZone[] = this.zones): LabZone | undefined {
    const within = among.filter((zone) => isWithin(name, zone.name));
    return within.sort((a, b) => b.name.length - a.name.length)[0];
  }

  /** The set with its signatures, or the alias. */
  #at(zone: LabZone, server: string, name: string, type: string): Answer[] {
    const here = zone.view(zone.records(), server).filter((record) => record.name === name);
    const found: Answer[] =
      type === "DNSKEY" && zone.key && name === zone.name
        ? [{ type: "DNSKEY", name, ttl: TTL, data: zone.key.data }]
        : here.filter((record) => record.type === type || record.type === "CNAME").map(answerOf);
    if (found.length === 0 || !zone.key) return found;
    return [...found, signature(zone, zone.key, found)];
  }
}

interface Said {
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly flags: number;
  readonly code: keyof typeof CODES;
}

function truncated(query: Buffer): Buffer {
  const { id = 0, questions = [] } = decode(query);
  return encode({ type: "response", id, flags: AA | TC, questions });
}
