import { type Answer, type RrsigData } from "dns-packet";

import type { Delegation, Dns, DnsAnswer, NameServer, RecordType } from "../context";
import type { SignedSet } from "./dnssec";
import { exchange, NoAnswer, type Reply } from "./exchange";
import { dnsRecord } from "./value";

export interface DnsOptions {
  /** Address of the recursive resolver. */
  readonly resolver: string;
  readonly resolverPort: number;
  /** Of every authoritative server. */
  readonly port: number;
}

/** DNS over the network; each question is asked once. */
export class DnsClient implements Dns {
  readonly #options: DnsOptions;
  readonly #asked = new Map<string, Promise<unknown>>();

  constructor(options: DnsOptions) {
    this.#options = options;
  }

  async resolve(name: string, type: RecordType): Promise<DnsAnswer> {
    const { resolver: address, resolverPort: port } = this.#options;
    return answerOf(await this.#ask({ address, port }, name, type, true), name, type);
  }

  async ask(server: NameServer, name: string, type: RecordType): Promise<DnsAnswer> {
    const { port } = this.#options;
    return answerOf(await this.#ask({ address: server.address, port }, name, type, false), name, type);
  }

  async signed(server: NameServer, name: string, type: RecordType): Promise<SignedSet> {
    const { port } = this.#options;
    const { answers = [] } = await this.#ask({ address: server.address, port }, name, type, false);
    return {
      name,
      type,
      records: answers.filter((answer) => answer.type === type && bare(answer.name) === name),
      signatures: answers.flatMap((answer): RrsigData[] =>
        answer.type === "RRSIG" && answer.data.typeCovered === type && bare(answer.name) === name ? [answer.data] : [],
      ),
    };
  }

  delegation(zone: string): Promise<Delegation> {
    return this.#once(`delegation ${zone}`, () => this.#delegation(zone));
  }

  async #delegation(zone: string): Promise<Delegation> {
    const parent = await this.#parentOf(zone);
    const servers = await this.#withAddress((await this.resolve(parent, "NS")).records.map(({ value }) => value));
    const failures: string[] = [];
    for (const server of servers) {
      try {
        const [ns, ds] = await Promise.all([this.ask(server, zone, "NS"), this.ask(server, zone, "DS")]);
        if (ns.code !== "NOERROR" && ns.code !== "NXDOMAIN") throw new NoAnswer(`${server.name} answers ${ns.code}`);
        // A server of both zones answers instead of referring.
        const names = [...(ns.records.length > 0 ? ns.records : ns.referral)].map(({ value }) => value).sort();
        return { parent, names, servers: await this.#withAddress(names), ds: ds.records };
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
        failures.push(error.message);
      }
    }
    throw new NoAnswer(
      `no server of the zone ${parent || "."} can be asked: ${failures.join("; ") || "none has an address"}`,
    );
  }

  /** The nearest name above that is a zone of its own. */
  async #parentOf(zone: string): Promise<string> {
    const [, ...above] = zone.split(".");
    while (above.length > 0) {
      const name = above.join(".");
      if ((await this.resolve(name, "NS")).records.length > 0) return name;
      above.shift();
    }
    return "";
  }

  async #withAddress(names: readonly string[]): Promise<readonly NameServer[]> {
    const found = await Promise.all(
      names.map(async (name): Promise<NameServer[]> => {
        for (const type of ["A", "AAAA"] as const) {
          const [first] = (await this.resolve(name, type)).records;
          if (first) return [{ name, address: first.value }];
        }
        return [];
      }),
    );
    return found.flat();
  }

  #ask(server: { address: string; port: number }, name: string, type: RecordType, recursive: boolean): Promise<Reply> {
    const key = `${server.address}:${server.port} ${name} ${type} ${recursive}`;
    return this.#once(key, () => exchange(server, { name: name || ".", type, recursive, signatures: true }));
  }

  #once<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#asked.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const asked = ask();
    this.#asked.set(key, asked);
    return asked;
  }
}

function answerOf(reply: Reply, name: string, type: RecordType): DnsAnswer {
  const { answers = [], authorities = [] } = reply;
  const chain = namesOf(answers, name);
  const alias = chain.at(-1);
  return {
    code: reply.rcode,
    authoritative: reply.flag_aa,
    authenticated: reply.flag_ad,
    records: answers.filter((answer) => answer.type === type && chain.includes(bare(answer.name))).map(dnsRecord),
    alias: alias === name ? undefined : alias,
    referral: authorities.filter((answer) => answer.type === "NS" && bare(answer.name) === name).map(dnsRecord),
  };
}

/** The name and the aliases that it leads over. */
function namesOf(answers: readonly Answer[], name: string): readonly string[] {
  const names = [name];
  for (const answer of answers)
    if (answer.type === "CNAME" && bare(answer.name) === names.at(-1)) names.push(bare(answer.data));
  return names;
}

function bare(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
