import { bundleWorker } from "../../infra/edge/bundle";
import type { EmailReport, ScheduledReport } from "../../sandbox/edge/harness";
import { runEmailWorker } from "../../sandbox/edge/worker-runtime";
import type { RunningWorker } from "../../sandbox/edge/worker-runtime";
import { createDirectory, IMPORTER_PERMISSIONS } from "../../sandbox/host/accounts";
import { createJmapServer } from "../../sandbox/host/jmap-server";
import { startLmtpServer } from "../../sandbox/host/lmtp-server";
import type { LmtpStep, LmtpTrouble } from "../../sandbox/host/lmtp-server";
import { createMailStore } from "../../sandbox/host/mail-store";
import type { MailStore } from "../../sandbox/host/mail-store";
import { temporaryFolder } from "../../sandbox/temporary";
import { ADMIN, startArrivalsBeside } from "./arrivals";
import {
  ACCESS_CLIENT_ID,
  bindings,
  COMPATIBILITY_DATE,
  createClock,
  DOMAIN,
  pass,
  SECRETS,
  SPOOL,
  stepOf,
} from "./home";
import type { Fault } from "./home";

export const LMTP_URL = `https://lmtp.${DOMAIN}`;
export type Mode = "jmap" | "lmtp";
const passing: Fault = (_, pass) => pass();

/** Home with both ways in, in front of one store, and the bundle in workerd with the bindings of one of them. */
export interface TwoWays {
  /** What the LMTP server does instead of the usual. */
  trouble: ((step: LmtpStep) => LmtpTrouble | undefined) | undefined;
  /** What answers a request over HTTP instead of home. */
  fault: Fault | undefined;
  readonly store: MailStore;
  /** What the edge says to a WebSocket instead of taking it to home. */
  refusal: (() => Response | Promise<Response>) | undefined;
  /** Home falls silent over a message for that recipient, and tells so: a test then ends the Worker. */
  deadly: { readonly to: string; readonly reached: () => void } | undefined;
  readonly worker: () => RunningWorker;
  /** The script is uploaded again, with the bindings of that way. The bucket stays. */
  readonly switchTo: (mode: Mode, changes?: Readonly<Record<string, string | undefined>>) => Promise<void>;
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly send: (to: string, raw: Buffer, from?: string) => Promise<EmailReport>;
  readonly drain: () => Promise<ScheduledReport>;
  /** Bodies of the account's Inbox. */
  readonly mailbox: () => readonly Buffer[];
  readonly upgrades: () => number;
  readonly close: () => Promise<void>;
}

export async function startTwoWays(mode: Mode): Promise<TwoWays> {
  const accounts = [{ address: `root@${DOMAIN}`, aliases: [`postmaster@${DOMAIN}`], password: "pw" }];
  const store = createMailStore(undefined);
  const directory = createDirectory(DOMAIN, accounts, undefined);
  const jmap = await createJmapServer({
    publicUrl: `https://mail.${DOMAIN}`,
    domain: DOMAIN,
    accounts,
    apiKey: { token: SECRETS.JMAP_TOKEN, permissions: IMPORTER_PERMISSIONS },
    recoveryAdmin: ADMIN,
    store,
  });
  const clock = createClock();
  const arrivals = await startArrivalsBeside(jmap.port, SECRETS.ARRIVALS_KEY, clock.now);
  /** Of the message that the LMTP server has in hand. */
  let recipient = "";
  const lmtp = await startLmtpServer({
    store,
    now: clock.now,
    recipient: (address) => {
      recipient = address.toLowerCase();
      const [local = "", domain] = recipient.split("@");
      if (domain !== DOMAIN) return "elsewhere";
      return directory.byAddress(`${local.split("+", 1).join("")}@${domain}`) ?? "unknown";
    },
    trouble: (step) => {
      if (step !== "message" || lab.deadly?.to !== recipient) return lab.trouble?.(step);
      lab.deadly.reached();
      return { isDeaf: true };
    },
  });
  const r2 = temporaryFolder();
  let upgrades = 0;
  let worker = start(mode, {});
  const lab: TwoWays = {
    trouble: undefined,
    fault: undefined,
    store,
    refusal: undefined,
    deadly: undefined,
    worker: () => worker,
    async switchTo(next, changes = {}) {
      await worker.dispose();
      worker = start(next, changes);
    },
    async pause() {
      await Promise.all([jmap.pause(), lmtp.pause()]);
    },
    async resume() {
      // Those that were not paused say so.
      await Promise.allSettled([jmap.resume(), lmtp.resume()]);
    },
    send: (to, raw, from = "sender@remote.example") => worker.email({ from, to, raw }),
    drain: () => worker.scheduled(),
    mailbox: () => jmap.mailbox(`root@${DOMAIN}`).map(({ raw }) => raw),
    upgrades: () => upgrades,
    async close() {
      await worker.dispose();
      await Promise.all([arrivals.close(), jmap.close(), lmtp.close()]);
      r2.remove();
    },
  };
  return lab;

  function start(way: Mode, changes: Readonly<Record<string, string | undefined>>): RunningWorker {
    const of = way === "jmap" ? {} : { INBOUND_DELIVERY: "lmtp", LMTP_URL };
    const running = runEmailWorker({
      script: bundleWorker("inbound"),
      bindings: [...bindings({ ...of, ...changes }), SPOOL],
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: ["global_fetch_strictly_public"],
      r2Folder: r2.path,
      outbound: async (request) => {
        const body = request.method === "GET" ? undefined : Buffer.from(await request.arrayBuffer());
        if (lab.deadly !== undefined && body?.includes(`\nX-Original-To: ${lab.deadly.to}\r`) === true) {
          lab.deadly.reached();
          return await new Promise<Response>(() => undefined);
        }
        const step = stepOf(request.url, body);
        return await (lab.fault ?? passing)(step, () => pass(jmap.port, request, body, arrivals.port));
      },
      upgrade: async ({ url, headers }) => {
        upgrades++;
        if (lab.refusal !== undefined) return await lab.refusal();
        const isAdmitted =
          headers.get("cf-access-client-id") === ACCESS_CLIENT_ID &&
          headers.get("cf-access-client-secret") === SECRETS.ACCESS_CLIENT_SECRET;
        if (!isAdmitted) return new Response("Forbidden", { status: 403 });
        return new URL(url).origin === LMTP_URL ? lmtp.port : new Response("another server", { status: 421 });
      },
    });
    return clock.moving(running);
  }
}
