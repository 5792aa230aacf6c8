import { setTimeout as sleep } from "node:timers/promises";

import { type DeclaredBinding, runEmailWorker } from "../sandbox/edge/worker-runtime";
import { IMPORTER_PERMISSIONS } from "../sandbox/host/accounts";
import { createJmapServer } from "../sandbox/host/jmap-server";
import { workerdProcesses } from "./process";

const DOMAIN = "example.org";
const RECIPIENT = `root@${DOMAIN}`;
const ORIGIN = `https://inbound.${DOMAIN}`;
const TOKEN = "API_bench";
const COMPATIBILITY_DATE = "2026-07-01";
/** Of the very first message. */
const COLD_BYTES = 20 * 1024;

const BINDINGS: readonly DeclaredBinding[] = Object.entries({
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
  readonly renew: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function startHome(): Promise<Home> {
  const start = () =>
    createJmapServer({
      publicUrl: `https://mail.${DOMAIN}`,
      domain: DOMAIN,
      accounts: [{ address: RECIPIENT, password: "bench" }],
      apiKey: { token: TOKEN, permissions: IMPORTER_PERMISSIONS },
    });
  let server = await start();
  return {
    port: () => server.port,
    renew: async () => {
      await server.close();
      server = await start();
    },
    close: () => server.close(),
  };
}

/** One Worker in a workerd of its own. */
export interface Contender {
  readonly pid: number;
  /** Carries one message and answers how long that took and how many requests home got. */
  readonly send: (bytes: number, delayMs?: number) => Promise<{ readonly ms: number; readonly requests: number }>;
  /** Requests of the very first message. */
  readonly coldRequests: number;
  readonly close: () => Promise<void>;
}

export async function startContender(
  home: Home,
  script: string,
  extra: Readonly<Record<string, string>> = {},
): Promise<Contender> {
  let requests = 0;
  let delayMs = 0;
  const worker = runEmailWorker({
    script,
    bindings: [
      ...BINDINGS,
      ...Object.entries(extra).map(([name, text]) => ({ type: "plain_text", name, text }) as const),
    ],
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["global_fetch_strictly_public"],
    outbound: async (request) => {
      requests += 1;
      if (delayMs > 0) await sleep(delayMs);
      const { pathname, search } = new URL(request.url);
      request.headers.delete("content-length");
      return await fetch(`http://127.0.0.1:${home.port()}${pathname}${search}`, {
        method: request.method,
        headers: request.headers,
        redirect: "manual",
        ...(request.method === "GET" ? {} : { body: await request.arrayBuffer() }),
      });
    },
  });
  const others = workerdProcesses();
  const { requests: coldRequests } = await send(COLD_BYTES);
  const [pid, ...more] = workerdProcesses().filter((candidate) => !others.includes(candidate));
  if (pid === undefined || more.length > 0) throw new Error("workerd is not one child of this process");
  return { pid, send, coldRequests, close: worker.dispose };

  async function send(bytes: number, delay = 0): Promise<{ ms: number; requests: number }> {
    const raw = message(bytes);
    requests = 0;
    delayMs = delay;
    const started = performance.now();
    const { outcome, rejectReason, error } = await worker.email({ from: "a@remote.example", to: RECIPIENT, raw });
    const ms = performance.now() - started;
    if (outcome !== "ok" || rejectReason !== undefined)
      throw new Error(`the message was not taken: ${rejectReason ?? error ?? "no reason given"}`);
    return { ms, requests };
  }
}

let serial = 0;

/** A message of that size that nobody sent before. */
function message(bytes: number): Buffer {
  serial += 1;
  const head = `From: a@remote.example\r\nTo: ${RECIPIENT}\r\nMessage-ID: <${serial}@remote.example>\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, `${"0123456789".repeat(7)}\r\n`)], bytes);
}
