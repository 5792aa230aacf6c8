/** Mail that Cyrus does not take now, see cyrus.test.ts: with the sender when there is no spool, else in the spool. */
import type { RunningWorker } from "../../sandbox/edge/worker-runtime";
import {
  BUDGET_MS,
  createAccounts,
  deliverInto,
  describeCyrus,
  expectTaken,
  inbox,
  isListening,
  LATER_MS,
  message,
  send,
  withoutTrace,
} from "./cyrus/judge";
import { type Cyrus, OTHER, ROOT, startCyrus } from "./cyrus/server";

const ENOUGH_KIB = 1_000_000;

function logged({ logs }: { readonly logs: readonly string[] }): unknown {
  return JSON.parse(logs[0] ?? "");
}

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
    "mail to a full account waits, and is there once after its quota was raised",
    async () => {
      const [full, other] = [await inbox(cyrus, ROOT), await inbox(cyrus, OTHER)];
      const raw = message(Buffer.alloc(20 * 1024, "over quota\r\n"));
      await cyrus.setQuota(ROOT, 1);
      const report = await send(worker, raw);
      expectTaken(report);
      expect(logged(report)).toMatchObject({ event: "spooled", reason: "import: overQuota" });
      // Another account's mail is not held up by it, neither here nor in the drain.
      expectTaken(await send(worker, message("not full\r\n"), OTHER));
      expect((await inbox(cyrus, OTHER)).length).toBe(other.length + 1);

      await worker.advance(LATER_MS);
      expect(logged(await worker.scheduled())).toMatchObject({ event: "spool", waiting: 1, failed: 1, delivered: 0 });
      expect((await inbox(cyrus, ROOT)).length).toBe(full.length);

      await cyrus.setQuota(ROOT, ENOUGH_KIB);
      await worker.advance(LATER_MS);
      expect(logged(await worker.scheduled())).toMatchObject({ waiting: 0, failed: 0, delivered: 1 });
      await expectOneMore(full.length, raw);
      const bucket = worker.bucket("SPOOL");
      expect([await bucket.list("spool/"), await bucket.list("retry/"), await bucket.list("dead/")]).toEqual([
        [],
        [],
        [],
      ]);
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
