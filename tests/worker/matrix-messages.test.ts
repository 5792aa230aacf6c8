import { DOMAIN } from "./home";
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
