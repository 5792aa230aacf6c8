import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";

import { SMTPServer } from "smtp-server";

import type { NetOptions } from "../../ops/doctor/net/net";
import { selfSigned, type CertificatePair } from "../../onhost/src/self-signed";

const DAY_MS = 86_400_000;
/** Of onhost/src/self-signed.ts. */
const VALID_DAYS = 825;

type Named = (error: Error | null, context: SecureContext) => void;

/** What an HTTPS name answers. */
export type Answerer = (url: string, init: RequestInit) => Promise<Response>;

/** All HTTPS names and all MX on two ports of loopback, with certificates that only the lab's clients trust. */
export class LabWeb {
  /** In place of the world's answer: by URL without query. */
  readonly instead = new Map<string, () => Response>();
  /** Days that are left to a name's certificate; 0 is one that nobody trusts. */
  readonly daysLeft = new Map<string, number>();
  /** Names where nobody listens. */
  readonly dead = new Set<string>();
  readonly deadPorts = new Set<number>();
  /** MX hosts without STARTTLS. */
  plainMx = false;
  /** What the system finds for a name. */
  readonly addresses = new Map<string, string>();
  readonly #pairs = new Map<string, CertificatePair>();
  readonly #https: Server;
  /** The host's own Traefik, which machines of the tailnet find under the server's name. */
  readonly #home: Server;
  readonly #smtp: readonly [SMTPServer, SMTPServer];
  #ports = { https: 0, home: 0, smtp: 0, plain: 0 };

  constructor(
    private readonly names: readonly string[],
    private readonly answer: Answerer,
  ) {
    for (const name of names) this.#pairs.set(`${name} good`, selfSigned(name, new Date()));
    const secured = { SNICallback: (name: string, done: Named) => done(null, this.#context(name)) };
    this.#https = createServer(
      secured,
      (request, response) => void this.#serve(request, response, { "cf-ray": "lab" }),
    );
    this.#home = createServer(secured, (request, response) => void this.#serve(request, response, {}));
    const common = { authOptional: true, logger: false, disableReverseLookup: true } as const;
    this.#smtp = [
      new SMTPServer({
        ...common,
        ...secured,
      }),
      new SMTPServer({ ...common, disabledCommands: ["STARTTLS"] }),
    ];
    for (const server of this.#smtp) server.on("error", () => undefined);
  }

  async start(): Promise<void> {
    const [smtp, plain] = this.#smtp;
    for (const server of [this.#https, this.#home]) await once(server.listen(0, "127.0.0.1"), "listening");
    for (const server of [smtp, plain]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
    this.#ports = {
      https: portOf(this.#https),
      home: portOf(this.#home),
      smtp: portOf(smtp.server),
      plain: portOf(plain.server),
    };
  }

  async close(): Promise<void> {
    for (const server of [this.#https, this.#home]) {
      server.closeAllConnections();
      server.close();
    }
    await Promise.all(this.#smtp.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  get ports(): Readonly<Record<"https" | "home" | "smtp", number>> {
    return this.#ports;
  }

  get options(): NetOptions {
    const { https, smtp, plain } = this.#ports;
    return {
      places: (hostname, port) => ({
        host: "127.0.0.1",
        port:
          this.dead.has(hostname) || this.deadPorts.has(port) ? 1 : port === 25 ? (this.plainMx ? plain : smtp) : https,
      }),
      lookup: (hostname) => Promise.resolve(this.addresses.get(hostname)),
      // Two certificates of one subject would confuse the client's search for the issuer.
      ca: this.names
        .map((name) => this.#pair(name, (this.daysLeft.get(name) ?? 0) > 0 ? "short" : "good").chain)
        .join(""),
    };
  }

  #context(name: string): SecureContext {
    const days = this.daysLeft.get(name);
    const { chain, key } = this.#pair(name, days === undefined ? "good" : days === 0 ? "foreign" : "short");
    return createSecureContext({ cert: chain, key });
  }

  #pair(name: string, kind: "good" | "short" | "foreign"): CertificatePair {
    const known = this.#pairs.get(`${name} ${kind}`);
    if (known) return known;
    const days = this.daysLeft.get(name) ?? VALID_DAYS;
    const pair = selfSigned(name, new Date(Date.now() - (VALID_DAYS - (days || VALID_DAYS)) * DAY_MS + DAY_MS / 2));
    this.#pairs.set(`${name} ${kind}`, pair);
    return pair;
  }

  /** The certificates of a broken name are its own. */
  reset(): void {
    for (const key of this.#pairs.keys()) if (!key.endsWith(" good")) this.#pairs.delete(key);
    this.instead.clear();
    this.daysLeft.clear();
    this.dead.clear();
    this.deadPorts.clear();
    this.addresses.clear();
    this.plainMx = false;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, edge: Record<string, string>): Promise<void> {
    try {
      const url = new URL(`https://${request.headers.host ?? ""}${request.url ?? "/"}`);
      const instead = this.instead.get(`${url.origin}${url.pathname}`)?.();
      const answer = instead ?? (await this.answer(url.href, { ...(await sentBy(request)), redirect: "manual" }));
      const headers = Object.fromEntries(answer.headers);
      response.writeHead(answer.status, instead ? headers : { ...edge, ...headers });
      response.end(Buffer.from(await answer.arrayBuffer()));
    } catch {
      response.writeHead(530).end();
    }
  }
}

/** Method, headers and body, as `fetch` takes them. */
async function sentBy(request: IncomingMessage): Promise<RequestInit> {
  const { method = "GET", headersDistinct } = request;
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct))
    if (name !== "host" && name !== "connection") for (const value of values ?? []) headers.append(name, value);
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return { method, headers, ...(parts.length > 0 && { body: Buffer.concat(parts) }) };
}
