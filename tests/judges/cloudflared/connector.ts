import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";

import { selfSigned } from "../../../onhost/src/self-signed";
import { temporaryFolder } from "../../../sandbox/temporary";
import { toolPath } from "../../../tools/go-tool";
import type { Internet } from "./internet";

/** The name that cloudflared asks the edge for (2026.7: connection/protocol.go). */
const EDGE_NAME = "h2.cftunnel.com";
/** What the edge asks of cloudflared beside requests (connection/http2.go). */
const UPGRADE = "cf-cloudflared-proxy-connection-upgrade";
/** Of a WebSocket frame from a server; cloudflared writes it before what the service says. */
const FRAME_HEADER_BYTES = 4;
const START_MS = 30_000;
const REQUEST_MS = 10_000;

export interface Answered {
  readonly status: number;
  readonly body: string;
}

/** A running `cloudflared tunnel run`, and the edge that it has dialled: an HTTP/2 client, as the real one is. */
export interface Connector {
  /** A request as the edge hands it on. `upgrade`: a WebSocket; its answer ends with the first bytes. */
  readonly ask: (url: string, headers?: Readonly<Record<string, string>>, upgrade?: "websocket") => Promise<Answered>;
  readonly log: () => string;
  readonly close: () => Promise<void>;
}

/** @param ingress rules as Cloudflare's API has them */
export async function startConnector(
  token: string,
  ingress: readonly object[],
  internet: Internet,
): Promise<Connector> {
  const folder = temporaryFolder();
  const pair = selfSigned(EDGE_NAME, new Date());
  const [edgeTrust, trust] = [join(folder.path, "edge.pem"), join(folder.path, "trust.pem")];
  writeFileSync(edgeTrust, pair.chain);
  writeFileSync(trust, internet.trust);
  const server = createServer({ cert: pair.chain, key: pair.key });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const options = [
    "--edge",
    `127.0.0.1:${port}`,
    "--protocol",
    "http2",
    "--cacert",
    edgeTrust,
    "--ha-connections",
    "1",
  ];
  const child = spawn(
    toolPath("cloudflared"),
    ["tunnel", "--no-autoupdate", "--metrics", "127.0.0.1:0", ...options, "run"],
    {
      env: { HOME: folder.path, HTTPS_PROXY: internet.proxy, SSL_CERT_FILE: trust, PATH: "", TUNNEL_TOKEN: token },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (log += text));
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const close = async () => {
    process.off("exit", end);
    session?.destroy();
    server.close();
    await ended(child, end);
    folder.remove();
  };
  let session: ClientHttp2Session | undefined;
  try {
    const [socket] = (await once(server, "secureConnection", { signal: AbortSignal.timeout(START_MS) })) as [TLSSocket];
    session = connect(`https://${EDGE_NAME}`, { createConnection: () => socket });
    session.on("error", () => undefined);
    const connected = session;
    const ask: Connector["ask"] = (url, headers = {}, upgrade) =>
      request(connected, url, { ...headers, ...(upgrade && { [UPGRADE]: upgrade }) }, undefined, upgrade !== undefined);
    const body = JSON.stringify({ version: 1, config: { ingress } });
    const { status, body: said } = await request(
      connected,
      `https://${EDGE_NAME}/`,
      { [UPGRADE]: "update-configuration" },
      body,
    );
    if (status !== 200 || /"err":"/.test(said))
      throw new Error(`cloudflared refuses the rules: HTTP ${status} ${said}`);
    return { ask, log: () => log, close };
  } catch (error) {
    await close();
    throw new Error(`cloudflared does not serve: ${log}`, { cause: error });
  }
}

function request(
  session: ClientHttp2Session,
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
  isFirst = false,
): Promise<Answered> {
  const { host, pathname, search } = new URL(url);
  const method = body === undefined ? "GET" : "PUT";
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ":method": method, ":scheme": "https", ":authority": host, ":path": `${pathname}${search}`, ...headers },
      { endStream: body === undefined && !isFirst },
    );
    let [status, text] = [0, ""];
    const done = () => {
      resolve({ status, body: text });
      stream.close();
    };
    stream.setEncoding("utf8").setTimeout(REQUEST_MS, () => reject(new Error(`no answer to ${url}`)));
    stream.on("response", (answered) => {
      status = answered[":status"] ?? 0;
      if (isFirst && status >= 300) done();
    });
    stream.on("data", (part: string) => {
      text += part;
      if (isFirst && text.length > FRAME_HEADER_BYTES) done();
    });
    stream.on("end", done).on("error", reject);
    if (body !== undefined) stream.end(body);
  });
}

function ended(child: ChildProcess, end: () => void): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()).once("error", () => resolve()));
  end();
  return gone;
}
