import { connect } from "node:net";
import { bundleWorker } from "../../../infra/edge/bundle";
import type { EmailReport } from "../../../sandbox/edge/harness";
import { type RunningWorker, runEmailWorker } from "../../../sandbox/edge/worker-runtime";
import { describeWith } from "../../needs";
import { bindings, INBOUND, SECRETS, SPOOL } from "../../worker/home";
import { ImapClient } from "./imap";
import { frontOf } from "./proxy";
import { type Cyrus, CYRUS_IMAPD, CYRUS_INSTALL, OTHER, PASSWORD, ROOT } from "./server";

export const HEAD = "From: a@remote.example\r\nTo: root@example.org\r\nSubject: hello\r\n";
export const BUDGET_MS = 60_000;
/** Longer than a message that failed pauses, and than anything is remembered of home. */
export const LATER_MS = 7 * 3_600_000;

export const describeCyrus = describeWith(CYRUS_IMAPD, CYRUS_INSTALL);

/** Header fields of final delivery (RFC 5321 section 4.4) that the Worker may put in front of the message. */
const TRACE_FIELD = /^(?:Return-Path|Delivered-To|X-Original-To|Received): [^\r\n]*\r?\n/;

let serial = 0;

/** A message that nobody has sent before. */
export function message(body: Buffer | string, head = HEAD): Buffer {
  serial += 1;
  return Buffer.concat([
    Buffer.from(`${head}Message-ID: <${serial}@remote.example>\r\n\r\n`),
    typeof body === "string" ? Buffer.from(body) : body,
  ]);
}

/** The stored message after the trace fields in front of it. */
export function withoutTrace(stored: Buffer): Buffer {
  let rest = stored;
  for (;;) {
    const field = TRACE_FIELD.exec(rest.toString("latin1", 0, 1_000))?.[0];
    if (field === undefined) return rest;
    rest = rest.subarray(field.length);
  }
}

export async function inbox(cyrus: Cyrus, user: string): Promise<readonly { raw: Buffer; flags: string }[]> {
  const client = await ImapClient.connect(cyrus.imapPort);
  try {
    await client.login(user, PASSWORD);
    const count = await client.select("INBOX");
    const messages: { raw: Buffer; flags: string }[] = [];
    for (let number = 1; number <= count; number += 1) messages.push(await client.fetch(number));
    return messages;
  } finally {
    await client.close();
  }
}

export async function lastOf(cyrus: Cyrus, user: string): Promise<Buffer> {
  const client = await ImapClient.connect(cyrus.imapPort);
  try {
    await client.login(user, PASSWORD);
    return (await client.fetch(await client.select("INBOX"))).raw;
  } finally {
    await client.close();
  }
}

/** The first login of both users; then `other` lets `root`, whose login the Worker's key stands for, write to its Inbox. */
export async function createAccounts(cyrus: Cyrus): Promise<void> {
  for (const user of [ROOT, OTHER]) {
    const client = await ImapClient.connect(cyrus.imapPort);
    await client.login(user, PASSWORD);
    if (user === OTHER) await client.setAcl("INBOX", ROOT, "lrswipkxtecda");
    await client.close();
  }
}

export interface Deployment {
  readonly catchAll?: string;
  readonly hasSpool?: boolean;
  /** Receives the requests that home gets. */
  readonly requested?: string[];
}

export function deliverInto(
  cyrus: Cyrus,
  { catchAll = "", hasSpool = false, requested }: Deployment = {},
): RunningWorker {
  return runEmailWorker({
    script: bundleWorker("inbound"),
    bindings: [...bindings({ CATCH_ALL: catchAll }), ...(hasSpool ? [SPOOL] : [])],
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["global_fetch_strictly_public"],
    outbound: frontOf({
      origin: INBOUND,
      token: SECRETS.JMAP_TOKEN,
      jmapPort: cyrus.jmapPort,
      user: ROOT,
      password: PASSWORD,
      onRequest: (method, path) => requested?.push(`${method} ${path}`),
    }),
  });
}

export function send(worker: RunningWorker, raw: Buffer, to = ROOT, from = "a@remote.example"): Promise<EmailReport> {
  return worker.email({ from, to, raw });
}

export function expectTaken({ outcome, forwards, replies }: EmailReport): void {
  expect({ outcome, forwards, replies }).toEqual({ outcome: "ok", forwards: [], replies: 0 });
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
