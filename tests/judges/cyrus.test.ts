/**
 * The Worker against a JMAP server that nobody here wrote, read back over another protocol. What Cyrus 3.6 does
 * differently from Stalwart 0.16, and the Worker must therefore not assume:
 *
 * - the session is at `/jmap/` and found by a 301 from `/.well-known/jmap`, its URLs are relative;
 * - there are no Principal methods: the accounts are those of the session, and an account's id and name are its address;
 * - mailbox ids are different in each account;
 * - an upload belongs to the account that it was made to;
 * - the same bytes imported twice answer `notCreated.alreadyExists` instead of making a second copy;
 * - Bearer keys are unknown (tests/judges/cyrus/proxy.ts stands in for the proxy that exchanges them);
 * - a user's mailboxes come into being with the first IMAP login; before it the session lists the account, and the upload
 *   is answered 404;
 * - bare LF and NUL are refused as `invalidEmail`.
 */
import { connect } from "node:net";
import { bundleWorker } from "../../infra/edge/bundle";
import type { EmailReport } from "../../sandbox/edge/harness";
import { type RunningWorker, runEmailWorker } from "../../sandbox/edge/worker-runtime";
import { describeWith } from "../needs";
import { bindings, DOMAIN, INBOUND, SECRETS, SPOOL } from "../worker/home";
import { ImapClient } from "./cyrus/imap";
import { frontOf } from "./cyrus/proxy";
import { type Cyrus, CYRUS_INSTALL, CYRUS_MASTER, OTHER, PASSWORD, ROOT, startCyrus } from "./cyrus/server";

const MIB = 1024 * 1024;
const HEAD = "From: a@remote.example\r\nTo: root@example.org\r\nSubject: hello\r\n";
const BUDGET_MS = 60_000;
/** Longer than a message that failed pauses, and than anything is remembered of home. */
const LATER_MS = 7 * 3_600_000;

const describeCyrus = describeWith(CYRUS_MASTER, CYRUS_INSTALL);

/** Header fields of final delivery (RFC 5321 section 4.4) that the Worker may put in front of the message. */
const TRACE_FIELD = /^(?:Return-Path|Delivered-To|X-Original-To): [^\r\n]*\r?\n/;

let serial = 0;

/** A message that nobody has sent before. */
function message(body: Buffer | string, head = HEAD): Buffer {
  serial += 1;
  return Buffer.concat([
    Buffer.from(`${head}Message-ID: <${serial}@remote.example>\r\n\r\n`),
    typeof body === "string" ? Buffer.from(body) : body,
  ]);
}

/** The stored message after the trace fields in front of it. */
function withoutTrace(stored: Buffer): Buffer {
  let rest = stored;
  for (;;) {
    const field = TRACE_FIELD.exec(rest.toString("latin1", 0, 1_000))?.[0];
    if (field === undefined) return rest;
    rest = rest.subarray(field.length);
  }
}

async function inbox(cyrus: Cyrus, user: string): Promise<readonly { raw: Buffer; flags: string }[]> {
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

async function lastOf(cyrus: Cyrus, user: string): Promise<Buffer> {
  const client = await ImapClient.connect(cyrus.imapPort);
  try {
    await client.login(user, PASSWORD);
    return (await client.fetch(await client.select("INBOX"))).raw;
  } finally {
    await client.close();
  }
}

/** The first login of both users; then `other` lets `root`, whose login the Worker's key stands for, write to its Inbox. */
async function createAccounts(cyrus: Cyrus): Promise<void> {
  for (const user of [ROOT, OTHER]) {
    const client = await ImapClient.connect(cyrus.imapPort);
    await client.login(user, PASSWORD);
    if (user === OTHER) await client.setAcl("INBOX", ROOT, "lrswipkxtecda");
    await client.close();
  }
}

interface Deployment {
  readonly catchAll?: string;
  readonly hasSpool?: boolean;
  /** Receives the requests that home gets. */
  readonly requested?: string[];
}

function deliverInto(cyrus: Cyrus, { catchAll = "", hasSpool = false, requested }: Deployment = {}): RunningWorker {
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

function send(worker: RunningWorker, raw: Buffer, to = ROOT, from = "a@remote.example"): Promise<EmailReport> {
  return worker.email({ from, to, raw });
}

function expectTaken(report: EmailReport): void {
  expect({ ...report, logs: [] }).toEqual({ outcome: "ok", logs: [], forwards: [], replies: 0 });
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

describeCyrus("Cyrus IMAPd", () => {
  let cyrus: Cyrus;
  let worker: RunningWorker;
  let catching: RunningWorker;
  const requested: string[] = [];

  beforeAll(async () => {
    cyrus = await startCyrus();
    await createAccounts(cyrus);
    worker = deliverInto(cyrus, { requested });
    catching = deliverInto(cyrus, { catchAll: OTHER });
  }, BUDGET_MS);

  afterAll(async () => {
    await Promise.all([worker.dispose(), catching.dispose()]);
    await cyrus.close();
    expect(await Promise.all([isListening(cyrus.imapPort), isListening(cyrus.jmapPort)])).toEqual([false, false]);
  }, BUDGET_MS);

  test.each<[what: string, raw: Buffer]>([
    ["plain text", message("body\r\n")],
    ["8-bit UTF-8 in head and body", message("日本語 €\r\n", `${HEAD}X-Greeting: Grüße\r\n`)],
    ["latin1 and 0xff", message(Buffer.from("\xe4\xff\xfe\r\n", "latin1"))],
    ["lines of dots", message(".\r\n..\r\n.x\r\n.\r\n")],
    ["a line of 100 kB", message(`${"x".repeat(100_000)}\r\n`)],
    ["an empty body", message("")],
    ["a head without a blank line after it", Buffer.from("Subject: only a head\r\n")],
    ["no final CRLF", message("last")],
    [
      "attachments",
      message(
        `--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n`,
        `${HEAD}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n`,
      ),
    ],
    ["24 MiB", message(Buffer.alloc(24 * MIB, `${"0123456789".repeat(7)}\xff\r\n`, "latin1"))],
  ])(
    "keeps %s byte for byte",
    async (_, raw) => {
      const before = (await inbox(cyrus, ROOT)).length;
      expectTaken(await send(worker, raw));
      const messages = await inbox(cyrus, ROOT);
      expect(messages.length).toBe(before + 1);
      expect(withoutTrace(messages.at(-1)?.raw ?? Buffer.alloc(0)).equals(raw)).toBe(true);
      expect(messages.at(-1)?.flags).not.toContain("Seen");
    },
    BUDGET_MS,
  );

  /** Cyrus 3.6 answers `invalidEmail` to bare LF and NUL, where Stalwart stores both. */
  test.each<[what: string, raw: Buffer]>([
    ["bare LF", Buffer.from(message("body\r\n").toString().replaceAll("\r\n", "\n"))],
    ["NUL", message("a\0b\r\n")],
    ["no header at all", Buffer.from("no header\r\n")],
    ["nothing", Buffer.alloc(0)],
  ])("either stores %s or does not say that it was taken", async (_, raw) => {
    const before = (await inbox(cyrus, ROOT)).length;
    const report = await send(worker, raw);
    const isTaken = report.outcome === "ok" && report.rejectReason === undefined;
    const messages = await inbox(cyrus, ROOT);
    expect(messages.length - before).toBe(isTaken ? 1 : 0);
    if (isTaken) expect(withoutTrace(messages.at(-1)?.raw ?? Buffer.alloc(0)).equals(raw)).toBe(true);
  });

  test("the null reverse-path is a sender like any other", async () => {
    const raw = message("failed\r\n");
    expectTaken(await send(worker, raw, ROOT, ""));
    expect(withoutTrace(await lastOf(cyrus, ROOT)).equals(raw)).toBe(true);
  });

  test("the same message twice is one copy: Cyrus knows the bytes", async () => {
    const raw = message("once\r\n");
    const before = (await inbox(cyrus, ROOT)).length;
    expectTaken(await send(worker, raw));
    expectTaken(await send(worker, raw));
    expect((await inbox(cyrus, ROOT)).length).toBe(before + 1);
  });

  test("a warm message takes two requests here as well", async () => {
    expectTaken(await send(worker, message("warm\r\n")));
    requested.length = 0;
    expectTaken(await send(worker, message("warm\r\n")));
    expect(requested).toEqual([`POST /jmap/upload/${encodeURIComponent(ROOT)}/`, "POST /jmap/"]);
  });

  test("two recipients are one copy each", async () => {
    const raw = message("to both\r\n");
    const before = [(await inbox(cyrus, ROOT)).length, (await inbox(cyrus, OTHER)).length];
    expectTaken(await send(worker, raw, ROOT));
    expectTaken(await send(worker, raw, OTHER));
    const after = [await inbox(cyrus, ROOT), await inbox(cyrus, OTHER)];
    expect(after.map(({ length }, index) => length - (before[index] ?? 0))).toEqual([1, 1]);
    for (const messages of after) expect(withoutTrace(messages.at(-1)?.raw ?? Buffer.alloc(0)).equals(raw)).toBe(true);
  });

  test("a tagged address is the address", async () => {
    const raw = message("tagged\r\n");
    expectTaken(await send(worker, raw, `Root+tag@${DOMAIN}`));
    expect(withoutTrace(await lastOf(cyrus, ROOT)).equals(raw)).toBe(true);
  });

  test("an unknown address is refused for good, and goes to the catch-all where there is one", async () => {
    const raw = message("to nobody\r\n");
    const before = (await inbox(cyrus, OTHER)).length;
    expect((await send(worker, raw, `nobody@${DOMAIN}`)).rejectReason).toMatch(/^550 5\.1\.1 /);
    expect((await inbox(cyrus, OTHER)).length).toBe(before);
    expectTaken(await send(catching, raw, `nobody@${DOMAIN}`));
    expect(withoutTrace(await lastOf(cyrus, OTHER)).equals(raw)).toBe(true);
  });

  test("a key that nobody exchanges leaves the mail with the sender", async () => {
    const stranger = runEmailWorker({
      script: bundleWorker("inbound"),
      bindings: bindings({ JMAP_TOKEN: "API_other" }),
      compatibilityDate: "2026-07-01",
      outbound: frontOf({
        origin: INBOUND,
        token: SECRETS.JMAP_TOKEN,
        jmapPort: cyrus.jmapPort,
        user: ROOT,
        password: PASSWORD,
      }),
    });
    try {
      const report = await send(stranger, message("x\r\n"));
      expect(report).toMatchObject({ outcome: "exception" });
      expect(report.rejectReason).toBeUndefined();
    } finally {
      await stranger.dispose();
    }
  });

  test(
    "Cyrus down leaves the mail with the sender, and after a restart one copy arrives",
    async () => {
      const [first, second] = [message("before\r\n"), message("after\r\n")];
      expectTaken(await send(worker, first));
      const before = (await inbox(cyrus, ROOT)).length;
      await cyrus.stop();
      const report = await send(worker, second);
      await cyrus.start();
      expect(report).toMatchObject({ outcome: "exception" });
      expect(report.rejectReason).toBeUndefined();
      expectTaken(await send(worker, second));
      // The sender cannot know that the first one needs no repetition.
      expectTaken(await send(worker, first));
      const messages = await inbox(cyrus, ROOT);
      expect(messages.length).toBe(before + 1);
      expect(withoutTrace(messages.at(-1)?.raw ?? Buffer.alloc(0)).equals(second)).toBe(true);
    },
    BUDGET_MS,
  );
});

describeCyrus("a Cyrus without mailboxes", () => {
  test(
    "the mail stays with the sender until the user's first IMAP login creates them",
    async () => {
      const cyrus = await startCyrus();
      const worker = deliverInto(cyrus);
      try {
        const raw = message("early\r\n");
        const report = await send(worker, raw);
        expect(report).toMatchObject({ outcome: "exception" });
        expect(report.rejectReason).toBeUndefined();
        await createAccounts(cyrus);
        expectTaken(await send(worker, raw));
        expect((await inbox(cyrus, ROOT)).map(({ raw: stored }) => withoutTrace(stored).equals(raw))).toEqual([true]);
      } finally {
        await worker.dispose();
        await cyrus.close();
      }
      expect(await Promise.all([isListening(cyrus.imapPort), isListening(cyrus.jmapPort)])).toEqual([false, false]);
    },
    BUDGET_MS,
  );
});

describeCyrus("with a spool in front of Cyrus", () => {
  let cyrus: Cyrus;
  let worker: RunningWorker;

  beforeAll(async () => {
    cyrus = await startCyrus();
    worker = deliverInto(cyrus, { hasSpool: true });
  }, BUDGET_MS);

  afterAll(async () => {
    await worker.dispose();
    await cyrus.close();
  }, BUDGET_MS);

  async function expectOneMore(before: number, raw: Buffer): Promise<void> {
    const messages = await inbox(cyrus, ROOT);
    expect(messages.length).toBe(before + 1);
    expect(withoutTrace(messages.at(-1)?.raw ?? Buffer.alloc(0)).equals(raw)).toBe(true);
  }

  test(
    "mail from before the user's first login waits for it",
    async () => {
      const raw = message("early\r\n");
      expectTaken(await send(worker, raw));
      await createAccounts(cyrus);
      await worker.advance(LATER_MS);
      expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
      await expectOneMore(0, raw);
      expect(await worker.bucket("SPOOL").list("spool/")).toEqual([]);
    },
    BUDGET_MS,
  );

  test(
    "mail that came while Cyrus was down is there once after the cron trigger",
    async () => {
      const before = (await inbox(cyrus, ROOT)).length;
      const raw = message("down\r\n");
      await cyrus.stop();
      expectTaken(await send(worker, raw));
      // Senders that got no answer in time come again.
      expectTaken(await send(worker, raw));
      expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
      await cyrus.start();
      expect((await inbox(cyrus, ROOT)).length).toBe(before);
      await worker.advance(LATER_MS);
      expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
      await expectOneMore(before, raw);
      expect(await worker.bucket("SPOOL").list("spool/")).toEqual([]);
    },
    BUDGET_MS,
  );

  test(
    "a repetition over another way is the same mail, which Cyrus alone cannot know; a list's copy is another",
    async () => {
      const first = message("once\r\n");
      const again = Buffer.concat([
        Buffer.from("Received: from b.example by c.example; Thu, 1 Jan 2026 00:00:00 +0000\r\n"),
        first,
      ]);
      const list = Buffer.concat([first, Buffer.from("-- \r\nthe list\r\n")]);
      const before = (await inbox(cyrus, ROOT)).length;
      expectTaken(await send(worker, first));
      expectTaken(await send(worker, again));
      await expectOneMore(before, first);
      expectTaken(await send(worker, list));
      await expectOneMore(before + 1, list);
    },
    BUDGET_MS,
  );
});
