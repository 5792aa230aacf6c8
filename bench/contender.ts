import { setTimeout as sleep } from "node:timers/promises";

import { type DeclaredBinding, runEmailWorker } from "../sandbox/edge/worker-runtime";
import { createDirectory, IMPORTER_PERMISSIONS } from "../sandbox/host/accounts";
import { createJmapServer } from "../sandbox/host/jmap-server";
import { startLmtpServer } from "../sandbox/host/lmtp-server";
import { createMailStore } from "../sandbox/host/mail-store";
import { startDelay } from "./delay";
import { workerdProcesses } from "./process";

const DOMAIN = "example.org";
const RECIPIENT = `root@${DOMAIN}`;
const ORIGIN = `https://inbound.${DOMAIN}`;
const TOKEN = "API_bench";
const COMPATIBILITY_DATE = "2026-07-01";
/** More operations than a bench makes. */
const MANY = 1_000_000;
/** Of the very first message. */
const COLD_BYTES = 20 * 1024;

const BINDINGS: readonly DeclaredBinding[] = Object.entries({
  INBOUND_DELIVERY: "jmap",
  LMTP_URL: `https://lmtp.${DOMAIN}`,
  JMAP_URL: ORIGIN,
  JMAP_TOKEN: TOKEN,
  ACCESS_CLIENT_ID: "client.access",
  ACCESS_CLIENT_SECRET: "cfast_bench",
  MAIL_DOMAIN: DOMAIN,
  CATCH_ALL: "",
  ALERT_URL: "",
  ALERT_AFTER_MINUTES: "60",
}).map(([name, text]) => ({ type: "plain_text", name, text }));

/** The mail host. Between batches another one takes its place, or the mail of all of them would stay in memory. */
export interface Home {
  readonly port: () => number;
  readonly lmtpPort: () => number;
  readonly renew: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function startHome(): Promise<Home> {
  const accounts = [{ address: RECIPIENT, password: "bench" }];
  const start = async () => {
    const store = createMailStore(undefined);
    const account = createDirectory(DOMAIN, accounts, undefined).byAddress(RECIPIENT) ?? "unknown";
    return {
      jmap: await createJmapServer({
        publicUrl: `https://mail.${DOMAIN}`,
        domain: DOMAIN,
        accounts,
        apiKey: { token: TOKEN, permissions: IMPORTER_PERMISSIONS },
        store,
      }),
      lmtp: await startLmtpServer({ store, recipient: () => account }),
    };
  };
  let servers = await start();
  const close = async () => {
    await Promise.all([servers.jmap.close(), servers.lmtp.close()]);
  };
  return {
    port: () => servers.jmap.port,
    lmtpPort: () => servers.lmtp.port,
    renew: async () => {
      await close();
      servers = await start();
    },
    close,
  };
}

/** What one message cost. */
export interface Sent {
  /** Until the sender is told. */
  readonly ms: number;
  /** That home got; a WebSocket is one. */
  readonly requests: number;
  /** In both directions, headers included; what TLS and frames add is not in it. */
  readonly bytes: number;
  /** On the bucket. */
  readonly operations: number;
}

/** One Worker in a workerd of its own. */
export interface Contender {
  readonly pid: number;
  /** Carries one message. */
  readonly send: (bytes: number, delayMs?: number) => Promise<Sent>;
  /** From now on each operation on the bucket takes so much longer. */
  readonly delayStore: (delayMs: number) => Promise<void>;
  /** Requests of the very first message. */
  readonly coldRequests: number;
  readonly close: () => Promise<void>;
}

export async function startContender(
  home: Home,
  script: string,
  extra: Readonly<Record<string, string>> = {},
  buckets: readonly DeclaredBinding[] = [],
): Promise<Contender> {
  let requests = 0;
  let delayMs = 0;
  let transferred = 0;
  const line = await startDelay({
    target: home.lmtpPort,
    delayMs: () => delayMs,
    counted: (bytes) => void (transferred += bytes),
  });
  const worker = runEmailWorker({
    script,
    bindings: [
      ...BINDINGS.filter(({ name }) => !(name in extra)),
      ...Object.entries(extra).map(([name, text]) => ({ type: "plain_text", name, text }) as const),
      ...buckets,
    ],
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["global_fetch_strictly_public"],
    outbound: async (request) => {
      requests += 1;
      if (delayMs > 0) await sleep(delayMs);
      const { pathname, search } = new URL(request.url);
      request.headers.delete("content-length");
      const body = request.method === "GET" ? undefined : await request.arrayBuffer();
      const response = await fetch(`http://127.0.0.1:${home.port()}${pathname}${search}`, {
        method: request.method,
        headers: request.headers,
        redirect: "manual",
        ...(body === undefined ? {} : { body }),
      });
      const answer = await response.arrayBuffer();
      transferred += headBytes(request.headers, request.url) + (body?.byteLength ?? 0);
      transferred += headBytes(response.headers) + answer.byteLength;
      return new Response(answer.byteLength === 0 ? null : answer, {
        status: response.status,
        headers: response.headers,
      });
    },
    upgrade: async ({ url, headers }) => {
      requests += 1;
      transferred += headBytes(headers, url) + UPGRADED_BYTES;
      if (delayMs > 0) await sleep(delayMs);
      return line.port;
    },
  });
  const others = workerdProcesses();
  const { requests: coldRequests } = await send(COLD_BYTES);
  const [pid, ...more] = workerdProcesses().filter((candidate) => !others.includes(candidate));
  if (pid === undefined || more.length > 0) throw new Error("workerd is not one child of this process");
  return { pid, send, delayStore, coldRequests, close };

  async function delayStore(ofEach: number): Promise<void> {
    for (const operation of ["put", "get", "head", "list", "delete"] as const)
      await worker.breakBucket({ operation, how: "slow", fail: ofEach === 0 ? 0 : MANY, delayMs: ofEach });
  }

  async function close(): Promise<void> {
    await worker.dispose();
    await line.close();
  }

  async function send(bytes: number, delay = 0): Promise<Sent> {
    const raw = message(bytes);
    requests = transferred = 0;
    delayMs = delay;
    const started = performance.now();
    const report = await worker.email({ from: "a@remote.example", to: RECIPIENT, raw });
    const { outcome, rejectReason, error, afterwardsMs, operations } = report;
    const ms = performance.now() - started - afterwardsMs;
    if (outcome !== "ok" || rejectReason !== undefined)
      throw new Error(`the message was not taken: ${rejectReason ?? error ?? "no reason given"}`);
    return { ms, requests, bytes: transferred, operations };
  }
}

/** Of the answer 101 with its headers. */
const UPGRADED_BYTES = 130;

/** As HTTP/1.1 writes them. */
function headBytes(headers: Headers, url = "/"): number {
  return [...headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, url.length + 16);
}

let serial = 0;

/** A message of that size that nobody sent before. */
function message(bytes: number): Buffer {
  serial += 1;
  const head = `From: a@remote.example\r\nTo: ${RECIPIENT}\r\nMessage-ID: <${serial}@remote.example>\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, `${"0123456789".repeat(7)}\r\n`)], bytes);
}
