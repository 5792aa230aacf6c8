import { at, DOMAIN, json } from "./home";
import type { Fault } from "./home";
import { copies, HANGING_MS, home, message, MIB, recover, send, SENDER, spooled, TO, useHome } from "./matrix";

/** Rows of the fault matrix (matrix.ts) about messages: refused ones, copies, unusual ones. */

useHome();

describe("what is refused", () => {
  test.each<[what: string, to: string, raw: () => Buffer]>([
    ["an unknown recipient", `nobody@${DOMAIN}`, () => message()],
    ["another domain", "root@example.net", () => message()],
    ["more than 25 MiB", TO, () => Buffer.alloc(25 * MIB + 1)],
  ])("%s", async (_, to, raw) => {
    expect(await send(raw(), undefined, to)).toBe("refused");
    expect(await spooled()).toEqual([]);
  });

  test("an unknown recipient while home is down is set aside later", async () => {
    const raw = message();
    await home.server.pause();
    expect(await send(raw, undefined, `nobody@${DOMAIN}`)).toBe("accepted");
    await recover();
    expect(await spooled()).toEqual([]);
    const [dead = ""] = await spooled("dead/");
    const object = await home.worker.bucket("SPOOL").get(dead);
    expect(object?.bytes.subarray(-raw.length).equals(raw)).toBe(true);
    expect(object?.metadata).toMatchObject({
      to: `nobody@${DOMAIN}`,
      reason: "550 5.1.1 There is no such mailbox here.",
    });
    await home.worker.bucket("SPOOL").delete(dead);
  });
});

describe("copies", () => {
  test("the same event three times, and three at once", async () => {
    const [one, other] = [message(), message()];
    expect([await send(one), await send(one), await send(one)]).toEqual(["accepted", "accepted", "accepted"]);
    expect(await Promise.all([send(other), send(other), send(other)])).toEqual(["accepted", "accepted", "accepted"]);
    await recover();
    expect([copies(one), copies(other), await spooled()]).toEqual([1, 1, []]);
  });

  test.each([false, true])(
    "a stranger's message with the same Message-ID and body replaces nothing (by the spool: %s)",
    async (isDown) => {
      const real = message();
      const forged = Buffer.from(
        real.toString().replace("Subject: matrix", "Reply-To: x@evil.example\r\nSubject: forged"),
      );
      const results = Buffer.concat([Buffer.from("Authentication-Results: mx.cloudflare.net; dkim=fail\r\n"), real]);
      if (isDown) await home.server.pause();
      for (const raw of [results, forged, real]) expect(await send(raw)).toBe("accepted");
      await recover();
      // The one with a forged field in front ends with the real one's bytes.
      expect([copies(forged), copies(results), copies(real), await spooled()]).toEqual([1, 1, 2, []]);
    },
  );

  test("a sender's retry is one mail, whatever the servers on the way put in front", async () => {
    const raw = message();
    const attempt = (id: number) =>
      Buffer.concat([
        Buffer.from(
          `Received: from a by cloudflare-email.net id ${id}\r\nARC-Seal: i=1; t=${id}\r\n` +
            `Authentication-Results: mx.cloudflare.net; spf=${id === 1 ? "pass" : "none"}\r\nX-CF-SpamH-Score: ${id}\r\n`,
        ),
        raw,
      ]);
    for (const id of [1, 2, 3]) expect(await send(attempt(id))).toBe("accepted");
    await recover();
    expect([copies(raw), await spooled()]).toEqual([1, []]);
  });

  test("a message that fails alone waits for its pause, and others pass it", async () => {
    const overQuota = json({
      methodResponses: [["Email/import", { notCreated: { message: { type: "overQuota" } } }, "i"]],
    });
    const raw = message();
    await home.server.pause();
    expect(await send(raw)).toBe("accepted");
    await home.server.resume();
    const run = async (fault?: Fault) => JSON.parse((await home.drain(fault)).logs[0] ?? "") as unknown;
    expect(await run(at("import", () => overQuota.clone()))).toMatchObject({ failed: 1, waiting: 1 });
    expect(await run()).toMatchObject({ failed: 0, delivered: 0, waiting: 1, suspects: 0 });
    await recover();
    expect([copies(raw), await spooled(), await spooled("retry/"), await spooled("begun/")]).toEqual([1, [], [], []]);
  });

  test("the same event three times while home is down", async () => {
    const raw = message();
    await home.server.pause();
    for (let count = 0; count < 3; count++) expect(await send(raw)).toBe("accepted");
    await recover();
    expect([copies(raw), await spooled()]).toEqual([1, []]);
  });

  test("two recipients of one account, whichever way each of them came", async () => {
    const raw = message();
    expect(await send(raw)).toBe("accepted");
    await home.server.pause();
    expect(await send(raw, undefined, `postmaster@${DOMAIN}`)).toBe("accepted");
    await recover();
    expect([copies(raw), await spooled()]).toEqual([1, []]);
  });

  test("the cron trigger overlaps itself", async () => {
    const raws = Array.from({ length: 6 }, () => message());
    await home.server.pause();
    for (const raw of raws) expect(await send(raw)).toBe("accepted");
    await home.server.resume();
    const slow: Fault = async (_, pass) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return await pass();
    };
    await Promise.all([home.drain(slow), home.drain(slow), home.drain(slow)]);
    await recover();
    expect(raws.map((raw) => copies(raw))).toEqual(raws.map(() => 1));
    expect(await spooled()).toEqual([]);
  });
});

describe("unusual messages take the way over the spool unchanged", () => {
  test.each<[what: string, raw: Buffer, from: string]>([
    [
      "24.9 MiB",
      Buffer.concat([message(), Buffer.alloc(Math.floor(24.9 * MIB), "0123456789\xff\0\r\n", "latin1")]),
      SENDER,
    ],
    ["an empty body", Buffer.from("Message-ID: <empty@x>\r\n\r\n"), SENDER],
    ["NUL bytes", message("a\0b\0\r\n"), SENDER],
    ["bare LF", Buffer.from("Message-ID: <lf@x>\nSubject: x\n\nbody\n"), SENDER],
    ["8-bit", Buffer.from("Message-ID: <8@x>\r\nSubject: Gr\xfc\xdfe\r\n\r\n\xff\xfe\r\n", "latin1"), SENDER],
    ["no Message-ID", Buffer.from("Subject: without id\r\n\r\nbody\r\n"), SENDER],
    ["no headers at all", Buffer.from("\r\nonly a body\r\n"), SENDER],
    ["a null sender", message(), ""],
  ])(
    "%s",
    async (_, raw, from) => {
      await home.server.pause();
      expect(await send(raw, undefined, TO, from)).toBe("accepted");
      await recover();
      expect(await send(raw, undefined, TO, from)).toBe("accepted");
      expect([copies(raw), await spooled()]).toEqual([1, []]);
      const stored = home.server.mailbox(TO).at(-1)?.raw.toString("latin1") ?? "";
      expect(stored.startsWith(`Return-Path: <${from}>\r\nDelivered-To: ${TO}\r\n`)).toBe(true);
    },
    HANGING_MS,
  );
});
