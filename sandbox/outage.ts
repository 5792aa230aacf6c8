import { createTransport } from "nodemailer";

import type { Outside } from "./outside";
import { NotDelivered } from "./send";

/** What became of the messages that came while home was down. */
export interface Spooled {
  readonly sent: number;
  /** In the mailbox, byte for byte behind the headers of the way. */
  readonly delivered: number;
  /** More than once in the mailbox. */
  readonly twice: number;
}

const MESSAGES = 20;
/** The clock strikes that often before what still waits counts as lost. */
const RUNS = 3;

/**
 * Takes the mail host down, sends messages by SMTP, lets the clock strike in vain, brings the host back and lets it strike
 * again: every message must have been accepted and must be in the mailbox once.
 *
 * @param bucket where the messages wait meanwhile
 */
export async function outage(outside: Outside, account: string, bucket: string): Promise<Spooled> {
  const messages = Array.from({ length: MESSAGES }, (_, index) => message(account, index + 1));
  const waiting = async () => (await outside.world.buckets.list(bucket, "spool/")).length;
  await outside.host.pause();
  try {
    for (const raw of messages) await send(outside, account, raw);
    await outside.cron();
    const spooled = await waiting();
    if (spooled !== MESSAGES)
      throw new NotDelivered(
        `Of ${MESSAGES} accepted messages ${spooled} wait in the bucket ${bucket}.`,
        hopsOf(outside),
      );
  } finally {
    await outside.host.resume();
  }
  const logs: string[] = [];
  for (let run = 0; run < RUNS && (run === 0 || (await waiting()) > 0); run += 1)
    for (const { scriptName, report } of await outside.cron())
      logs.push(...[...report.logs, report.error ?? report.outcome].map((line) => `Worker ${scriptName}: ${line}`));

  const stored = outside.host.mailbox(account).map(({ raw }) => raw);
  const copies = messages.map((raw) => stored.filter((candidate) => endsWith(candidate, raw)).length);
  const result = {
    sent: MESSAGES,
    delivered: copies.filter((count) => count > 0).length,
    twice: copies.filter((count) => count > 1).length,
  };
  const left = await waiting();
  if (result.delivered < MESSAGES || result.twice > 0 || left > 0)
    throw new NotDelivered(
      `Of ${MESSAGES} messages that came while home was down, ${result.delivered} are in the mailbox, ${result.twice} of ` +
        `them more than once, and ${left} still wait.`,
      logs,
    );
  return result;
}

function message(to: string, number: number): Buffer {
  const lines = [
    "From: zoe@sender.example",
    `To: ${to}`,
    `Subject: Sent while home was down, ${number} of ${MESSAGES}`,
    "Date: Sun, 22 Nov 2026 16:00:00 +0000",
    `Message-ID: <outage-${number}@sender.example>`,
    "",
    `Message ${number}.`,
    "",
  ];
  return Buffer.from(lines.join("\r\n"));
}

async function send(outside: Outside, to: string, raw: Buffer): Promise<void> {
  const transport = createTransport({
    host: "127.0.0.1",
    port: outside.mx.port,
    ignoreTLS: true,
    name: "sender.example",
  });
  try {
    await transport.sendMail({ envelope: { from: "zoe@sender.example", to }, raw });
  } catch (error) {
    throw new NotDelivered(
      `The MX did not take a message while home was down: ${error instanceof Error ? error.message : String(error)}`,
      hopsOf(outside),
    );
  } finally {
    transport.close();
  }
}

function hopsOf(outside: Outside): readonly string[] {
  return outside.mx.traces.at(-1)?.hops ?? [];
}

function endsWith(whole: Buffer, end: Buffer): boolean {
  return whole.length >= end.length && whole.subarray(whole.length - end.length).equals(end);
}
