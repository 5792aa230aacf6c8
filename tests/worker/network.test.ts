import { createServer } from "node:https";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { bundleWorker } from "../../infra/edge/bundle";
import { runEmailWorker } from "../../sandbox/edge/worker-runtime";
import type { RunningWorker } from "../../sandbox/edge/worker-runtime";
import { IMPORTER_PERMISSIONS } from "../../sandbox/host/accounts";
import { createJmapServer } from "../../sandbox/host/jmap-server";
import type { JmapServer } from "../../sandbox/host/jmap-server";
import { temporaryFolder } from "../../sandbox/temporary";
import type { TemporaryFolder } from "../../sandbox/temporary";
import { selfSigned } from "./certificate";
import { bindings, COMPATIBILITY_DATE, DOMAIN, PUBLIC, SECRETS, SPOOL } from "./home";

/** Rows of the fault matrix on workerd's own network: names, connections and certificates are what they are outside. */

const TO = `root@${DOMAIN}`;
const HOST = "localhost";
/** RFC 6761 section 6.4: never resolves. */
const NOWHERE = "home.invalid";
const BUDGET_MS = 60_000;
const CLAIM_OVER_MS = 5 * 60_000;

const certificate = selfSigned(HOST);
const another = selfSigned("elsewhere.example");

let jmap: JmapServer;
let folder: TemporaryFolder;
let door: Door;
let messages = 0;

beforeEach(async () => {
  folder = temporaryFolder();
  jmap = await createJmapServer({
    publicUrl: PUBLIC,
    domain: DOMAIN,
    accounts: [{ address: TO, password: "pw" }],
    apiKey: { token: SECRETS.JMAP_TOKEN, permissions: IMPORTER_PERMISSIONS },
  });
});

afterEach(async () => {
  await door.close();
  await jmap.close();
  folder.remove();
});

/** HTTPS on loopback in front of the JMAP server. */
interface Door {
  readonly port: number;
  /** How many came, whether or not they liked the certificate. */
  readonly connections: () => number;
  readonly requests: string[];
  readonly close: () => Promise<void>;
}

async function openDoor({ key, cert } = certificate): Promise<Door> {
  let connections = 0;
  const requests: string[] = [];
  const server: Server = createServer({ key, cert }, (request, response) => {
    requests.push(request.url ?? "");
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { authorization = "", "content-type": type = "" } = request.headers;
      void fetch(`http://127.0.0.1:${jmap.port}${request.url ?? ""}`, {
        method: request.method ?? "GET",
        headers: { authorization, "content-type": type },
        redirect: "manual",
        ...(chunks.length === 0 ? {} : { body: new Uint8Array(Buffer.concat(chunks)) }),
      }).then(async (answer) => {
        const location = answer.headers.get("location");
        response.writeHead(answer.status, location === null ? {} : { location });
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
    });
  });
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port: (server.address() as AddressInfo).port, connections: () => connections, requests, close };
}

function workerFor(url: string, trustedCertificates: readonly string[]): RunningWorker {
  return runEmailWorker({
    script: bundleWorker("inbound"),
    bindings: [...bindings({ JMAP_URL: url }), SPOOL],
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["global_fetch_strictly_public"],
    outbound: { trustedCertificates },
    r2Folder: folder.path,
  });
}

/** Sends one message through a Worker that lives no longer than that. */
async function send(url: string, trusted: readonly string[]) {
  const worker = workerFor(url, trusted);
  try {
    const raw = Buffer.from(`Message-ID: <${++messages}@remote.example>\r\n\r\nbody\r\n`);
    const { logs, ...report } = await worker.email({ from: "a@remote.example", to: TO, raw });
    const line = JSON.parse(logs[0] ?? "") as { event: string; reason?: string };
    return { outcome: report.outcome, rejected: report.rejectReason, event: line.event, reason: line.reason, raw };
  } finally {
    await worker.dispose();
  }
}

/** The name, the certificate and the key are right now, and the clock strikes. */
async function recover(): Promise<{ left: readonly string[]; paused: readonly string[] }> {
  const worker = workerFor(`https://${HOST}:${door.port}`, [certificate.cert]);
  try {
    await worker.advance(CLAIM_OVER_MS);
    expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
    const bucket = worker.bucket("SPOOL");
    return { left: await bucket.list("spool/"), paused: await bucket.list("retry/") };
  } finally {
    await worker.dispose();
  }
}

function copies(raw: Buffer): number {
  return jmap.mailbox(TO).filter((stored) => stored.raw.subarray(-raw.length).equals(raw)).length;
}

test(
  "a certificate that is trusted, of the right name: delivered",
  async () => {
    door = await openDoor();
    const { raw, ...told } = await send(`https://${HOST}:${door.port}`, [certificate.cert]);
    expect(told).toEqual({ outcome: "ok", event: "delivered" });
    expect(copies(raw)).toBe(1);
    expect(door.requests.length).toBeGreaterThan(0);
  },
  BUDGET_MS,
);

test(
  "a host name that does not resolve: spooled, and there once when it does",
  async () => {
    door = await openDoor();
    const { raw, ...told } = await send(`https://${NOWHERE}:${door.port}`, [certificate.cert]);
    expect(told).toEqual({ outcome: "ok", event: "spooled", reason: "session: the connection failed" });
    expect([copies(raw), door.requests, door.connections()]).toEqual([0, [], 0]);
    expect(await recover()).toEqual({ left: [], paused: [] });
    expect(copies(raw)).toBe(1);
  },
  BUDGET_MS,
);

test.each<[what: string, served: typeof certificate, trusted: readonly string[]]>([
  ["a certificate that nobody vouches for", certificate, []],
  ["a trusted certificate of another name", another, [another.cert]],
])(
  "%s: spooled, no request and no secret leaves workerd, and there once when it is right",
  async (_, served, trusted) => {
    door = await openDoor(served);
    const { raw, ...told } = await send(`https://${HOST}:${door.port}`, trusted);
    expect(told).toEqual({ outcome: "ok", event: "spooled", reason: "session: the connection failed" });
    expect([copies(raw), door.requests]).toEqual([0, []]);
    expect(door.connections()).toBeGreaterThan(0);
    await door.close();
    door = await openDoor();
    expect(await recover()).toEqual({ left: [], paused: [] });
    expect(copies(raw)).toBe(1);
  },
  BUDGET_MS,
);
