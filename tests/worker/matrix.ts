import { bindings, DOMAIN, SPOOL, startHome } from "./home";
import type { Fault, Home } from "./home";

/**
 * The fault matrix: the bundle in real workerd with a real bucket, in front of the sandbox's JMAP server. Each row says what
 * the sender is told, and how many copies are in the mailbox when home is well again and the cron trigger has run.
 */

export const TO = `root@${DOMAIN}`;
export const SENDER = "sender@remote.example";
export const MINUTE_MS = 60_000;
export const MIB = 1024 * 1024;
/** Longer than an event may take. */
export const HANGING_MS = 60_000;
/** What Email Routing is sure to wait for. */
export const EVENT_MS = 20_000;

export type Told = "accepted" | "deferred" | "refused";

/** The home of a test file; {@link useHome} opens it. */
export let home: Home;
let messages = 0;

/** One home for all tests of a file. */
export function useHome(): void {
  beforeAll(async () => {
    home = await startHome([...bindings(), SPOOL]);
  });
  afterAll(() => home.close());
}

/** A message that was never sent before. */
export function message(body = "body\r\n"): Buffer {
  return Buffer.from(`Message-ID: <${++messages}@remote.example>\r\nSubject: matrix\r\n\r\n${body}`);
}

export async function send(raw: Buffer, fault?: Fault, to = TO, from?: string): Promise<Told> {
  const { outcome, rejectReason } = await home.deliver(to, raw, fault, from);
  if (rejectReason !== undefined) return "refused";
  return outcome === "ok" ? "accepted" : "deferred";
}

export function copies(raw: Buffer, to = TO): number {
  return home.server.mailbox(to).filter((stored) => stored.raw.subarray(-raw.length).equals(raw)).length;
}

export function spooled(folder = "spool/"): Promise<readonly string[]> {
  return home.worker.bucket("SPOOL").list(folder);
}

/** Everything is well again, claims are over, and the cron trigger runs. */
export async function recover(): Promise<void> {
  for (const operation of ["put", "get", "head", "list", "delete"] as const)
    await home.worker.breakBucket({ operation, fail: 0 });
  await home.server.resume().catch(() => undefined);
  await home.worker.advance(5 * MINUTE_MS);
  expect(await home.drain()).toMatchObject({ outcome: "ok" });
}

export function always(answer: () => Response | Promise<Response>): Fault {
  return async () => await answer();
}

/** A connection that breaks. */
export const broken = () => Promise.reject<Response>(new Error("gone"));
