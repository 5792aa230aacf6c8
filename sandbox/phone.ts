import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";

import { TRAEFIK_PORTS } from "../infra/host/layout";
import type { Settings } from "../infra/settings/settings";
import type { Machine, Tailnet } from "./cloud/tailnet";
import type { World } from "./cloud/world";
import { type Answered, parseAnswer, type QueryType, question, TYPES } from "./dns-message";
import { proxyHeader } from "./host/proxy-header";
import type { Outside } from "./outside";

/** Somebody's phone on the tailnet does not get to its mail. */
export class NotReached extends Error {}

/** What the phone found. */
export interface Reached {
  /** That the mail app was told. */
  readonly name: string;
  /** Of the host, in the tailnet. */
  readonly address: string;
  /** That IMAP says are in the Inbox. */
  readonly messages: number;
}

const DNS_PORT = 53;
const ANSWER_MS = 2_000;
/** The zone's file follows a new address within seconds; clients keep an answer for a minute. */
const BUDGET_MS = 20_000;
const POLL_MS = 200;

/**
 * Looks the clients' name up as a machine of the tailnet does, connects to port 993 there, and asks IMAP for the Inbox.
 *
 * @throws NotReached when one link of this is missing
 */
export async function checkPhone({ world }: Outside, settings: Settings, budgetMs = BUDGET_MS): Promise<Reached> {
  const { hostnames, primaryAddress, stalwart } = settings;
  const name = hostnames.clients;
  for (const end = Date.now() + budgetMs; ; await sleep(POLL_MS)) {
    try {
      const address = await addressOf(world, name);
      const socket = await secured(dial(world.tailnet, address, TRAEFIK_PORTS.imaps), name);
      const messages = await inbox(socket, primaryAddress, stalwart.accountPassword.reveal());
      return { name, address, messages };
    } catch (error) {
      if (Date.now() > end || !(error instanceof NotReached)) throw error;
    }
  }
}

/** Asks the resolver to which the tailnet sends this name. Undefined: it sends it to none, or nobody answers there. */
export async function askOnTailnet(tailnet: Tailnet, name: string, type: QueryType): Promise<Answered | undefined> {
  const [resolver] = tailnet.resolversOf(name);
  return resolver === undefined ? undefined : await askAt(tailnet, resolver, name, type);
}

/** Asks a machine of the tailnet by UDP. */
export async function askAt(
  tailnet: Tailnet,
  address: Machine["addresses"][number],
  name: string,
  type: QueryType,
): Promise<Answered | undefined> {
  const port = tailnet.reach(address)?.udp(DNS_PORT);
  if (port === undefined) return undefined;
  const socket = createSocket("udp4");
  try {
    const answer = new Promise<Buffer | undefined>((resolve) => {
      socket.once("message", resolve).once("error", () => resolve(undefined));
      setTimeout(() => resolve(undefined), ANSWER_MS).unref();
    });
    socket.send(question(name, type), port, "127.0.0.1");
    const message = await answer;
    return message && parseAnswer(message);
  } finally {
    socket.close();
  }
}

/** A name of which the tailnet says nothing is the public resolvers': the zone's records that are DNS only. */
async function addressOf({ tailnet, zones }: World, name: string): Promise<string> {
  const [resolver] = tailnet.resolversOf(name);
  if (resolver === undefined) {
    const records = zones.flatMap((zone) => zone.records.filter((record) => record.name === name && !record.proxied));
    const address = records.find(({ type }) => type === "A")?.content;
    if (address === undefined) throw new NotReached(`No record leads a phone from ${name} to the tailnet.`);
    return address;
  }
  const answers = await Promise.all(
    (Object.keys(TYPES) as QueryType[]).map(
      async (type) => [type, await askAt(tailnet, resolver, name, type)] as const,
    ),
  );
  const lacking = answers.find(([, answer]) => answer === undefined || answer.code !== 0);
  if (lacking)
    throw new NotReached(
      `The tailnet's resolver ${resolver} has no answer of type ${lacking[0]} for ${name}: ${lacking[1] ? `code ${lacking[1].code}` : "nobody is there"}.`,
    );
  const [address] = answers.flatMap(([, answer]) => answer?.addresses ?? []);
  if (address === undefined) throw new NotReached(`The tailnet's resolver ${resolver} knows no address of ${name}.`);
  return address;
}

/** As the host's sidecar hands it on: behind a PROXY header. */
function dial(tailnet: Tailnet, address: string, port: number): Socket {
  const to = tailnet.reach(address)?.tcp(port);
  if (to === undefined) throw new NotReached(`Nobody takes connections at ${address}, port ${port}, on the tailnet.`);
  const socket = connect(to, "127.0.0.1");
  socket.write(proxyHeader());
  return socket;
}

/** Certificates of an authority are none of the sandbox's business. */
function secured(socket: Socket, name: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error) =>
      reject(new NotReached(`No TLS with ${name} on the tailnet: ${error?.message ?? "the connection ended"}.`));
    socket.once("error", fail);
    const secure = connectTls({ socket, servername: name, rejectUnauthorized: false }, () => resolve(secure));
    secure.once("error", fail).once("close", () => fail());
  });
}

async function inbox(socket: TLSSocket, user: string, password: string): Promise<number> {
  socket.write(`a LOGIN "${user}" "${password}"\r\nb SELECT INBOX\r\nc LOGOUT\r\n`);
  let said = "";
  for await (const chunk of socket) said += String(chunk);
  const messages = /^\* (\d+) EXISTS/m.exec(said)?.[1];
  if (messages === undefined) throw new NotReached(`IMAP on the tailnet does not open the Inbox of ${user}: ${said}`);
  return Number(messages);
}
