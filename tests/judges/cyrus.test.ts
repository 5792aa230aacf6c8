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
import { bundleWorker } from "../../infra/edge/bundle";
import { type RunningWorker, runEmailWorker } from "../../sandbox/edge/worker-runtime";
import { bindings, DOMAIN, INBOUND, SECRETS } from "../worker/home";
import {
  BUDGET_MS,
  createAccounts,
  deliverInto,
  describeCyrus,
  expectTaken,
  HEAD,
  inbox,
  isListening,
  lastOf,
  message,
  send,
  withoutTrace,
} from "./cyrus/judge";
import { frontOf } from "./cyrus/proxy";
import { type Cyrus, OTHER, PASSWORD, ROOT, startCyrus } from "./cyrus/server";

const MIB = 1024 * 1024;

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

  // Cyrus knows equal bytes, but each attempt has a Received field of its own: without a bucket nobody knows the message again.
  test("the same message twice is two copies without a ledger", async () => {
    const raw = message("once\r\n");
    const before = (await inbox(cyrus, ROOT)).length;
    expectTaken(await send(worker, raw));
    expectTaken(await send(worker, raw));
    expect((await inbox(cyrus, ROOT)).length).toBe(before + 2);
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
      const raw = message("after\r\n");
      expectTaken(await send(worker, message("before\r\n")));
      const before = (await inbox(cyrus, ROOT)).length;
      await cyrus.stop();
      const report = await send(worker, raw);
      await cyrus.start();
      expect(report).toMatchObject({ outcome: "exception" });
      expect(report.rejectReason).toBeUndefined();
      expectTaken(await send(worker, raw));
      const messages = await inbox(cyrus, ROOT);
      expect(messages.length).toBe(before + 1);
      expect(withoutTrace(messages.at(-1)?.raw ?? Buffer.alloc(0)).equals(raw)).toBe(true);
    },
    BUDGET_MS,
  );
});
