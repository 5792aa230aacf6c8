import { bundleWorker } from "../../infra/edge/bundle";
import { runEmailWorker } from "../../sandbox/edge/worker-runtime";
import type { DeclaredBinding, RunningWorker } from "../../sandbox/edge/worker-runtime";
import type { EmailReport, ScheduledReport } from "../../sandbox/edge/harness";
import { IMPORTER_PERMISSIONS } from "../../sandbox/host/accounts";
import { createJmapServer } from "../../sandbox/host/jmap-server";
import type { JmapServer } from "../../sandbox/host/jmap-server";
import { createMailStore } from "../../sandbox/host/mail-store";
import type { MailStore } from "../../sandbox/host/mail-store";
import { ADMIN, startArrivalsBeside } from "./arrivals";

export const DOMAIN = "example.org";
export const INBOUND = `https://inbound.${DOMAIN}`;
export const PUBLIC = `https://mail.${DOMAIN}`;
export const SECRETS = {
  ACCESS_CLIENT_SECRET: "cfast_secret",
  JMAP_TOKEN: "API_secret",
  ARRIVALS_KEY: `ARR_${"k".repeat(43)}`,
} as const;
/** Where alerts go; only a fault answers there. */
export const ALERTS = "https://ntfy.example";
export const ACCESS_CLIENT_ID = "client.access";
export const COMPATIBILITY_DATE = "2026-07-01";

/** The requests of one delivery, in their order. */
export type Step = "session" | "lookup" | "inbox" | "upload" | "import" | "arrivals" | "alert";

export const STEPS: readonly Step[] = ["session", "lookup", "upload", "inbox", "import"];

/** Longer than anything is remembered of home. */
const FORGOTTEN_MS = 11 * 60_000;

/** The bucket of the spool and the ledger. */
export const SPOOL = { type: "r2_bucket", name: "SPOOL", bucketName: "mail-spool" } as const satisfies DeclaredBinding;

/** Answers in place of home, or lets the request pass. */
export type Fault = (step: Step, pass: () => Promise<Response>) => Promise<Response>;

/** One step is answered in place of home. */
export function at(step: Step, answer: () => Response | Promise<Response>): Fault {
  return async (current, pass) => (current === step ? await answer() : await pass());
}

export interface Home {
  readonly server: JmapServer;
  readonly store: MailStore;
  readonly worker: RunningWorker;
  /** URLs that the Worker asked for since the last delivery began. */
  readonly requested: string[];
  /** The next delivery finds nothing remembered. */
  readonly forget: () => Promise<void>;
  /** Calls the cron trigger. */
  readonly drain: (fault?: Fault) => Promise<ScheduledReport>;
  readonly deliver: (to: string, raw: Buffer, fault?: Fault, from?: string) => Promise<EmailReport>;
  readonly close: () => Promise<void>;
}

export function bindings(changes: Readonly<Record<string, string | undefined>> = {}): DeclaredBinding[] {
  const values: Record<string, string | undefined> = {
    INBOUND_DELIVERY: "jmap",
    JMAP_URL: INBOUND,
    ACCESS_CLIENT_ID,
    ...SECRETS,
    MAIL_DOMAIN: DOMAIN,
    CATCH_ALL: "",
    ALERT_URL: "",
    ALERT_AFTER_MINUTES: "60",
    ...changes,
  };
  return Object.entries(values).flatMap(([name, text]) =>
    text === undefined ? [] : [{ type: name in SECRETS ? "secret_text" : "plain_text", name, text } as const],
  );
}

export interface HomeOptions {
  readonly script?: string;
  /** Where the objects of the bucket are, and stay. */
  readonly r2Folder?: string;
}

/** The real bundle in real workerd, in front of the sandbox's JMAP server, with a door that wants the service token. */
export async function startHome(
  declared = bindings(),
  { script = bundleWorker("inbound"), r2Folder }: HomeOptions = {},
): Promise<Home> {
  const store = createMailStore(undefined);
  const server = await createJmapServer({
    publicUrl: PUBLIC,
    domain: DOMAIN,
    accounts: [
      { address: `root@${DOMAIN}`, aliases: [`postmaster@${DOMAIN}`], password: "pw" },
      { address: `tiny@${DOMAIN}`, password: "pw", quotaBytes: 10 },
    ],
    apiKey: { token: SECRETS.JMAP_TOKEN, permissions: IMPORTER_PERMISSIONS },
    recoveryAdmin: ADMIN,
    store,
  });
  const clock = createClock();
  const arrivals = await startArrivalsBeside(server.port, SECRETS.ARRIVALS_KEY, clock.now);
  const requested: string[] = [];
  let fault: Fault = (_, pass) => pass();
  const worker = clock.moving(
    runEmailWorker({
      script,
      bindings: declared,
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: ["global_fetch_strictly_public"],
      ...(r2Folder === undefined ? {} : { r2Folder }),
      outbound: async (request) => {
        requested.push(request.url);
        const body = request.method === "GET" ? undefined : Buffer.from(await request.arrayBuffer());
        return await fault(stepOf(request.url, body), () => pass(server.port, request, body, arrivals.port));
      },
    }),
  );
  return { server, store, worker, requested, forget, drain, deliver, close };

  function forget(): Promise<void> {
    return worker.advance(FORGOTTEN_MS);
  }

  async function drain(injected?: Fault) {
    requested.length = 0;
    fault = injected ?? ((_, passed) => passed());
    return await worker.scheduled();
  }

  async function deliver(to: string, raw: Buffer, injected?: Fault, from = "sender@remote.example") {
    requested.length = 0;
    fault = injected ?? ((_, passed) => passed());
    return await worker.email({ from, to, raw });
  }

  async function close(): Promise<void> {
    await worker.dispose();
    await Promise.all([arrivals.close(), server.close()]);
  }
}

/** The time at home, which goes with the Worker's. */
export function createClock() {
  let aheadMs = 0;
  return {
    now: () => Date.now() + aheadMs,
    moving: (worker: RunningWorker): RunningWorker => ({
      ...worker,
      advance: async (milliseconds) => {
        aheadMs += milliseconds;
        await worker.advance(milliseconds);
      },
    }),
  };
}

/** A request for home, past the door that wants the service token. */
export async function pass(
  port: number,
  request: Request,
  body: Buffer | undefined,
  arrivalsPort?: number,
): Promise<Response> {
  const { origin, pathname, search } = new URL(request.url);
  if (origin !== INBOUND) return new Response("another server", { status: 421 });
  const { headers } = request;
  if (headers.get("cf-access-client-id") !== ACCESS_CLIENT_ID) return redirect("https://team.example/login");
  if (headers.get("cf-access-client-secret") !== SECRETS.ACCESS_CLIENT_SECRET) return new Response("", { status: 403 });
  headers.delete("content-length");
  const at = pathname === "/arrivals" && arrivalsPort !== undefined ? arrivalsPort : port;
  return await fetch(`http://127.0.0.1:${at}${pathname}${search}`, {
    method: request.method,
    headers,
    redirect: "manual",
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
}

export function redirect(location: string): Response {
  return new Response("", { status: 302, headers: { location } });
}

export function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

export function stepOf(url: string, body: Buffer | undefined): Step {
  const { pathname, origin } = new URL(url);
  if (origin === ALERTS) return "alert";
  if (pathname === "/arrivals") return "arrivals";
  if (pathname.includes("upload")) return "upload";
  const text = body?.toString("latin1") ?? "";
  if (text.includes("Principal/query")) return "lookup";
  if (text.includes("Mailbox/query")) return "inbox";
  return text.includes("Email/import") ? "import" : "session";
}
