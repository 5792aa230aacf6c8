import { setTimeout as sleep } from "node:timers/promises";

import { createTransport } from "nodemailer";

import type { Outside } from "../../sandbox/outside";
import { RETRY_PREFIX } from "../../worker/src/spool";

/** Five messages a second. */
const EVERY_MS = 200;
const CRON_RUNS = 20;

/** What became of the messages that somebody sent. */
export interface Became {
  /** Their Message-IDs. */
  readonly ids: readonly string[];
  readonly perSecond: number;
  readonly refused: number;
  /** Waited in the spool when the work was done. */
  readonly spooled: number;
  readonly lost: number;
  readonly twice: number;
  /** Keys that are in the spool still, after everything had its turn. */
  readonly left: readonly string[];
}

export interface Flow {
  readonly outside: Outside;
  /** Of the spools. */
  readonly buckets: readonly string[];
  /** In turn. */
  readonly to: readonly string[];
  /** In the Message-IDs; of each flow another one. */
  readonly name: string;
}

/**
 * Sends by SMTP through the model of Cloudflare while `work` goes on, and lets the clock bring home what waited.
 *
 * @param minutesGo the clock strikes meanwhile too, every second
 */
export async function whileMailFlows(
  { outside, buckets, to, name }: Flow,
  work: () => Promise<unknown>,
  minutesGo = false,
): Promise<Became> {
  const transport = createTransport({
    host: "127.0.0.1",
    port: outside.mx.port,
    ignoreTLS: true,
    name: "sender.example",
    pool: true,
    maxConnections: 10,
  });
  const sending: Promise<unknown>[] = [];
  const ids: string[] = [];
  const state = { ended: false };
  const flow = (async () => {
    for (let due = Date.now(); !state.ended; await sleep(Math.max(0, (due += EVERY_MS) - Date.now()))) {
      const id = `<${name}-${ids.length}@sender.example>`;
      const recipient = to[ids.length % to.length];
      ids.push(id);
      const raw = `From: a@sender.example\r\nMessage-ID: ${id}\r\n\r\nMessage\r\n`;
      sending.push(transport.sendMail({ envelope: { from: "a@sender.example", to: recipient }, raw }));
    }
  })();
  const clock = (async () => {
    while (minutesGo && !state.ended) {
      await outside.cron();
      await sleep(1_000);
    }
  })();
  const started = Date.now();
  await work().finally(() => (state.ended = true));
  await Promise.all([flow, clock]);
  const seconds = (Date.now() - started) / 1_000;
  const answers = await Promise.allSettled(sending);
  transport.close();
  const waiting = async () => {
    const lists = await Promise.all(buckets.map((bucket) => outside.world.buckets.list(bucket, "spool/")));
    return lists.flat().map(({ key }) => key);
  };
  const spooled = (await waiting()).length;
  await comeHome();
  // What was cut while it was imported has its turn when its claim ends, after three minutes (CLAIM_MS); what failed alone
  // when its pause ends. Both are over sooner here.
  if ((await waiting()).length > 0)
    for (const bucket of buckets)
      for (const prefix of ["ledger/", RETRY_PREFIX])
        for (const { key } of await outside.world.buckets.list(bucket, prefix))
          if (!key.endsWith(".delivered")) await outside.world.buckets.delete(bucket, key);
  await comeHome();
  const copies = copiesOf(outside, to, ids);
  return {
    ids,
    perSecond: ids.length / seconds,
    refused: answers.filter(({ status }) => status === "rejected").length,
    spooled,
    lost: copies.filter((count) => count === 0).length,
    twice: copies.filter((count) => count > 1).length,
    left: await waiting(),
  };

  async function comeHome(): Promise<void> {
    for (let count = 0; count < CRON_RUNS && (await waiting()).length > 0; count += 1) await outside.cron();
  }
}

/** How often each of these messages is in the mailboxes. */
export function copiesOf({ host }: Outside, addresses: readonly string[], ids: readonly string[]): readonly number[] {
  const stored = addresses.flatMap((address) => host.mailbox(address)).map(({ raw }) => raw.toString("latin1"));
  return ids.map((id) => stored.filter((text) => text.includes(`Message-ID: ${id}\r\n`)).length);
}
