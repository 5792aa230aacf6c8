import { messageIdsOf, namesOf } from "../../worker/src/message-id";
import { DOMAIN } from "./home";
import { startTwoWays } from "./lmtp-home";
import type { TwoWays } from "./lmtp-home";
import { broken, HANGING_MS, MINUTE_MS, TO } from "./matrix";

/** Programs that write one Message-ID into all their mail, by LMTP: the model drops what has an id that the account has, as Stalwart does. */

const LATER_MS = 10 * MINUTE_MS;

let home: TwoWays;
let count = 0;

beforeAll(async () => {
  home = await startTwoWays("lmtp");
});

afterAll(() => home.close());

const unique = () => `${++count}.${Math.random()}@printer.example`;
const mail = (id: string, body: string) => Buffer.from(`${id}Subject: scan ${body}\r\n\r\n${body}\r\n`);
const copies = (raw: Buffer) => home.mailbox().filter((stored) => stored.subarray(-raw.length).equals(raw)).length;

async function send(raw: Buffer, to = TO): Promise<string> {
  const { outcome, logs } = await home.send(to, raw);
  expect(outcome).toBe("ok");
  return (JSON.parse(logs[0] ?? "{}") as { event: string }).event;
}

async function drainAll(): Promise<void> {
  for (let run = 0; run < 4; run++) {
    await home.worker().advance(LATER_MS);
    expect(await home.drain()).toMatchObject({ outcome: "ok" });
  }
  expect(await home.worker().bucket("SPOOL").list("spool/")).toEqual([]);
}

describe.each([
  ["a Message-ID", () => `Message-ID: <${unique()}>\r\n`],
  ["one in other letters", () => `MESSAGE-id:\r\n <${unique().toUpperCase()}>\r\n`],
  ["one without brackets", () => `Message-ID: ${unique()}\r\n`],
  ["an empty one", () => "Message-ID: <>\r\n"],
])("two messages with %s", (_, makeId) => {
  test("an hour apart: both arrive at once", async () => {
    const id = makeId();
    const raws = ["one", "two", "three"].map((body) => mail(id, `${body} ${unique()}`));
    for (const raw of raws) {
      await home.worker().advance(60 * MINUTE_MS);
      expect(await send(raw)).toBe("delivered");
    }
    expect(raws.map(copies)).toEqual([1, 1, 1]);
  });

  test("in one moment: the second waits until the first is certainly there", async () => {
    const id = makeId();
    await home.worker().advance(60 * MINUTE_MS);
    const raws = ["one", "two", "three"].map((body) => mail(id, `${body} ${unique()}`));
    await Promise.all(raws.map((raw) => send(raw)));
    await drainAll();
    expect(raws.map(copies)).toEqual([1, 1, 1]);
    await expect(home.worker().bucket("SPOOL").list("dead/")).resolves.toEqual([]);
  });

  test("while home is down: both arrive, and each once", async () => {
    const id = makeId();
    const raws = ["one", "two"].map((body) => mail(id, `${body} ${unique()}`));
    await home.pause();
    for (const raw of [...raws, ...raws]) expect(await send(raw)).toBe("spooled");
    await home.resume();
    await drainAll();
    expect(raws.map(copies)).toEqual([1, 1]);
  });

  test("to two addresses of one account: both arrive", async () => {
    const id = makeId();
    await home.worker().advance(60 * MINUTE_MS);
    const [one, other] = ["one", "two"].map((body) => mail(id, `${body} ${unique()}`));
    expect(await send(one ?? Buffer.of())).toBe("delivered");
    await home.worker().advance(LATER_MS);
    expect(await send(other ?? Buffer.of(), `postmaster+tag@${DOMAIN}`)).toBe("delivered");
    expect([copies(one ?? Buffer.of()), copies(other ?? Buffer.of())]).toEqual([1, 1]);
  });
});

test("the same message again is one, and its copies cost the import nothing", async () => {
  const id = `Message-ID: <${unique()}>\r\n`;
  const [one, other] = ["one", "two"].map((body) => mail(id, `${body} ${unique()}`));
  for (const raw of [one, other, one, other, one, other]) {
    await send(raw ?? Buffer.of());
    await home.worker().advance(LATER_MS);
  }
  await drainAll();
  expect([copies(one ?? Buffer.of()), copies(other ?? Buffer.of())]).toEqual([1, 1]);
});

test(
  "home does not say whose mail it is: the message waits, and is not dropped",
  async () => {
    const id = `Message-ID: <${unique()}>\r\n`;
    const [one, other] = ["one", "two"].map((body) => mail(id, `${body} ${unique()}`));
    expect(await send(one ?? Buffer.of())).toBe("delivered");
    await home.worker().advance(60 * MINUTE_MS);
    home.fault = broken;
    expect(await send(other ?? Buffer.of())).toBe("spooled");
    home.fault = undefined;
    await drainAll();
    expect([copies(one ?? Buffer.of()), copies(other ?? Buffer.of())]).toEqual([1, 1]);
  },
  HANGING_MS,
);

describe("what somebody sent first does not make home drop the message", () => {
  const FOLDED = `${" x".repeat(150)}\r\n`.repeat(1_000);
  test.each<[what: string, head: (id: string) => string]>([
    ["names it and has no id of its own", (id) => `In-Reply-To: ${id}\r\n`],
    ["names it twice", (id) => `References: ${id}\r\nIn-Reply-To: ${id}\r\n`],
    ["was resent under it", (id) => `Resent-Message-ID: ${id}\r\n`],
    ["has it behind four others", (id) => `${"Message-ID: <>\r\n".repeat(5)}Message-ID: ${id}\r\n`],
    ["has it behind 256 KiB", (id) => `X: x\r\n${FOLDED}Message-ID: ${id}\r\n`],
    ["has it behind a bare CR", (id) => `Message-ID:\r${id}\r\n`],
    ["has it behind a blank", (id) => `Subject\r\n Message-ID: ${id}\r\n`],
    ["has it behind a colon", (id) => `:Message-ID: ${id}\r\n`],
    ["has one bracket more", (id) => `Message-ID: <${id}\r\n`],
  ])("which %s", async (_, head) => {
    const id = `<${unique()}>`;
    const subject = unique();
    const forged = Buffer.from(`Subject: ${subject}\r\n${head(id)}\r\nforged\r\n`);
    const real = Buffer.from(`Subject: ${subject}\r\nMessage-ID: ${id}\r\n\r\nreal\r\n`);
    await send(forged);
    await home.worker().advance(60 * MINUTE_MS);
    await send(real);
    await drainAll();
    expect([copies(forged), copies(real)]).toEqual([1, 1]);
  });

  test("where ids have changed places", async () => {
    const [id, parent] = [`<${unique()}>`, `<${unique()}>`];
    const raws = [
      [parent, id],
      [id, parent],
    ].map(([own, other]) =>
      Buffer.from(`Subject: x ${id}\r\nMessage-ID: ${own}\r\nReferences: ${other}\r\n\r\n${own}\r\n`),
    );
    for (const raw of raws) {
      await send(raw);
      await home.worker().advance(60 * MINUTE_MS);
    }
    await drainAll();
    expect(raws.map(copies)).toEqual([1, 1]);
  });
});

test("a new Message-ID costs one operation on the bucket", async () => {
  const objects = async () => (await home.worker().bucket("SPOOL").list("ids/")).length;
  const before = await objects();
  expect(await send(mail(`Message-ID: <${unique()}>\r\n`, "x"))).toBe("delivered");
  expect(await send(Buffer.from(`Subject: none ${unique()}\r\n\r\nMessage-ID: <body@x>\r\n`))).toBe("delivered");
  expect((await objects()) - before).toBe(1);
});

test.each<[head: string, ids: readonly string[]]>([
  ["Subject: x\r\n", []],
  ["Message-ID: <A@b>\r\n", ["a@b"]],
  ["message-id :\r\n\t<a@b>\r\n", ["a@b"]],
  ["Message-ID: <a@b> (a comment <c@d>)\r\n", ["a@b", "c@d"]],
  ["Message-ID: <a@b>\r\nSubject: x\r\nMessage-ID: <c@d>\r\n", ["a@b", "c@d"]],
  ["Message-ID: <a@b>\nMessage-ID: <a@b>\n", ["a@b"]],
  ["Message-ID:\r\n", [""]],
  ["Message-ID: <>\r\n", [""]],
  ["Message-ID: < a @b >\r\n", ["a@b"]],
  ["X-Message-ID: <a@b>\r\n", []],
  ["Resent-Message-ID: <a@b>\r\n", []],
])("%j has the ids %j", (head, ids) => {
  const bytes = new TextEncoder().encode(`X-Original-To: a@b\r\n${head}\r\nMessage-ID: <body@x>\r\n`);
  expect(messageIdsOf({ bytes, start: bytes.indexOf(10) + 1 })).toEqual(ids);
});

test.each<[head: string, names: readonly string[]]>([
  ["Message-ID: <a@b>\r\nReferences: <c@d> <A@b>\r\n", ["a@b", "a@b c@d"]],
  ["In-Reply-To: <a@b>\r\n", ["a@b"]],
  ["Message-ID: <>\r\nReferences:\r\n", [""]],
  ["Message-ID: \xff@b <\r\n", ["?@b"]],
  [": \n\fMessage-ID\t: <a@b>\r\n", ["a@b"]],
  ["no field\n\tMessage-ID: <a@b\n c>", ["a@bc"]],
  [` \r\nMessage-ID: <a@b>`, []],
  [`References: ${"<a@b> ".repeat(20_000)}\r\n`, ["a@b"]],
])("%#: is known by", (head, names) => {
  const bytes = Buffer.from(head, "latin1");
  expect(namesOf({ bytes, start: 0 })).toEqual(names);
});

test.each(["A\n", "References: <a@b> <c@d>\n", "Message-ID:<a@b>\n", "References: <"])(
  "a header section of 24 MiB of %j is read once",
  (line) => {
    const bytes = Buffer.alloc(24 * 1024 * 1024, line);
    const before = process.cpuUsage();
    namesOf({ bytes, start: 0 });
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
  },
);

test("more different ids than anybody writes: those of Message-ID count, up to four", () => {
  const ids = Array.from({ length: 5_000 }, (_, index) => `<${index}@many.example>`);
  const bytes = Buffer.from(`Message-ID: ${ids.join("\r\n ")}\r\n`);
  expect(namesOf({ bytes, start: 0 })).toEqual(ids.slice(0, 4).map((id) => id.slice(1, -1)));
});
