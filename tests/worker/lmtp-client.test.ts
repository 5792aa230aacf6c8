import fc from "fast-check";
import { systemClock } from "../../worker/src/clock";
import { LMTP_BUDGETS } from "../../worker/src/lmtp/budgets";
import { CHUNK_BYTES, openLmtp, WINDOW_CHUNKS } from "../../worker/src/lmtp/client";
import type { LmtpOutcome } from "../../worker/src/lmtp/client";
import type { ByteStream } from "../../worker/src/lmtp/stream";
import type { Step } from "../../worker/src/lmtp/verdict";
import { ALL_EXTENSIONS, startScriptedServer } from "./lmtp-server";
import type { Play, Script, ScriptedServer, Visit } from "./lmtp-server";
import { RECIPIENT, sendOverSocket, SENDER } from "./lmtp-socket";
import type { Sending } from "./lmtp-socket";

/** The LMTP client on plain sockets against a server that follows a script. */

const MIB = 1024 * 1024;
const HANGING_MS = 300;
/** Every wait of the client. */
const SHORT = {
  greetingMs: HANGING_MS,
  commandMs: HANGING_MS,
  chunkMs: HANGING_MS,
  messageMs: HANGING_MS,
} as const;
const MESSAGE = Buffer.from("Subject: hello\r\n\r\nbody\r\n");

const without = (...keywords: string[]) =>
  ALL_EXTENSIONS.filter((extension) => !keywords.includes(extension.split(" ", 1).join("")));

let server: ScriptedServer;

beforeAll(async () => {
  server = await startScriptedServer();
});

afterAll(() => server.close());

async function send(script: Script, sending: Partial<Sending> = {}): Promise<LmtpOutcome> {
  server.script = script;
  return await sendOverSocket(server.port, { message: MESSAGE, pipelinesBdat: true, ...sending });
}

async function visit(): Promise<Visit> {
  const last = server.visits.at(-1);
  if (last === undefined) throw new Error("nobody came");
  while (!last.isOver) await new Promise((resolve) => setTimeout(resolve, 2));
  return last;
}

const failed = (message: string | RegExp, uncertain = false) => ({
  kind: "failed",
  error: expect.objectContaining({
    message: typeof message === "string" ? message : (expect.stringMatching(message) as unknown),
    uncertain,
  }) as unknown,
});
const refused = (reason: string) => ({ kind: "refused", reason }) as const;

const FLIGHTS: readonly (readonly [
  what: string,
  extensions: readonly string[],
  bursts: string[][],
  pipelinesBdat: boolean,
])[] = [
  [
    "everything is offered, and RCPT is waited for: three flights",
    ALL_EXTENSIONS,
    [
      ["LHLO worker.example.org"],
      [`MAIL FROM:<${SENDER}> SIZE=${MESSAGE.length} BODY=8BITMIME`, `RCPT TO:<${RECIPIENT}>`],
      [`BDAT ${MESSAGE.length} LAST`],
      ["QUIT"],
    ],
    false,
  ],
  [
    "everything is offered, and RCPT is not waited for: two flights",
    ALL_EXTENSIONS,
    [
      ["LHLO worker.example.org"],
      [
        `MAIL FROM:<${SENDER}> SIZE=${MESSAGE.length} BODY=8BITMIME`,
        `RCPT TO:<${RECIPIENT}>`,
        `BDAT ${MESSAGE.length} LAST`,
      ],
      ["QUIT"],
    ],
    true,
  ],
  [
    "no CHUNKING",
    ["PIPELINING"],
    [["LHLO worker.example.org"], [`MAIL FROM:<${SENDER}>`, `RCPT TO:<${RECIPIENT}>`, "DATA"], ["QUIT"]],
    true,
  ],
  [
    "no PIPELINING",
    ["CHUNKING"],
    [
      ["LHLO worker.example.org"],
      [`MAIL FROM:<${SENDER}>`],
      [`RCPT TO:<${RECIPIENT}>`],
      [`BDAT ${MESSAGE.length} LAST`],
      ["QUIT"],
    ],
    true,
  ],
  [
    "neither",
    [],
    [["LHLO worker.example.org"], [`MAIL FROM:<${SENDER}>`], [`RCPT TO:<${RECIPIENT}>`], ["DATA"], ["QUIT"]],
    true,
  ],
];

test.each(FLIGHTS)("%s", async (_, extensions, bursts, pipelinesBdat) => {
  expect(await send({ extensions }, { pipelinesBdat })).toEqual({ kind: "delivered" });
  const seen = await visit();
  expect(seen.messages).toEqual([MESSAGE]);
  expect(seen.bursts.filter((burst) => burst.length > 0)).toEqual(bursts);
});

const WAYS: readonly (readonly [what: string, extensions: readonly string[]])[] = [
  ["BDAT, pipelined", ALL_EXTENSIONS],
  ["DATA, pipelined", without("CHUNKING")],
  ["BDAT", without("PIPELINING")],
  ["DATA", without("PIPELINING", "CHUNKING")],
];

const STEPS: readonly Step[] = ["greeting", "LHLO", "MAIL", "RCPT", "DATA", "message"];
const ENDS: ReadonlySet<Step> = new Set(["message"]);
/** From that step on the whole message is on its way when commands are pipelined and CHUNKING is used. */
const IN_FLIGHT: ReadonlySet<Step> = new Set(["MAIL", "RCPT", "message"]);

describe.each(WAYS)("%s", (_, extensions) => {
  const isChunked = extensions.includes("CHUNKING");
  const isPipelined = extensions.includes("PIPELINING");
  /** Silence at that step leaves open whether the message was taken. */
  const isOpen = (step: Step) => (isChunked && isPipelined ? IN_FLIGHT : ENDS).has(step);
  const steps = STEPS.filter((step) => step !== "DATA" || !isChunked);
  const at = (step: Step, play: Play): Script => ({ extensions, plays: { [step]: play } });

  test.each(steps)("421 at %s: later, and it was not taken", async (step) => {
    const outcome = await send(at(step, { say: "421 4.3.2 shutting down\r\n", isClosed: true }));
    expect(outcome).toEqual(failed(`lmtp ${step}: 421 4.3.2`));
    expect(outcome).toMatchObject({ error: { trouble: "home" } });
  });

  test.each(steps)("a temporary error at %s: later, and it was not taken", async (step) => {
    const outcome = await send(at(step, { say: "451 4.7.1 <root@example.org> later\r\n" }));
    expect(outcome).toEqual(failed(`lmtp ${step}: 451 4.7.1`));
  });

  test.each(steps)("the connection is closed at %s", async (step) => {
    expect(await send(at(step, { isClosed: true }))).toEqual(
      failed(/^lmtp \w+: the connection (was closed|broke)$/, isOpen(step)),
    );
  });

  test.each(steps)("silence at %s", async (step) => {
    const started = Date.now();
    const outcome = await send(at(step, { isDeaf: true }), { budgets: SHORT });
    expect(outcome).toEqual(failed(`lmtp ${step}: no answer in time`, isOpen(step)));
    expect(Date.now() - started).toBeLessThan(20 * HANGING_MS);
  });

  test.each(steps)("garbage at %s", async (step) => {
    const outcome = await send(at(step, { say: "HTTP/1.1 400 Bad Request\r\n\r\n" }));
    expect(outcome).toEqual(failed(`lmtp ${step}: a line is not one of a reply`, isOpen(step)));
  });

  test.each(steps)("a reply that is cut at %s", async (step) => {
    const outcome = await send(at(step, { say: "250-2.0.0 the first li", isClosed: true }));
    expect(outcome).toEqual(failed(/^lmtp \w+: the connection (was closed|broke)$/, isOpen(step)));
  });

  test.each(steps)("a line that is too long at %s", async (step) => {
    const outcome = await send(at(step, { say: `250 ${"x".repeat(5_000)}\r\n` }));
    expect(outcome).toEqual(failed(`lmtp ${step}: a line is longer than 2000 bytes`, isOpen(step)));
  });

  test.each(steps)("a reply without end at %s", async (step) => {
    const outcome = await send(at(step, { say: "250-more\r\n".repeat(1_000) }));
    expect(outcome).toEqual(failed(`lmtp ${step}: a reply has more than 100 lines`, isOpen(step)));
  });

  test.each(steps)("replies of several lines at %s", async (step) => {
    const code = step === "greeting" ? 220 : step === "DATA" ? 354 : 250;
    const keywords = step === "LHLO" ? extensions : ["one", "two"];
    const lines = ["first", ...keywords].map((text) => `${code}-${text}\r\n`).join("");
    const outcome = await send(at(step, { say: `${lines}${code}\r\n` }));
    expect(outcome).toEqual({ kind: "delivered" });
  });

  test.each(["greeting", "LHLO"] as const)("an error at %s is the server's and not the message's", async (step) => {
    expect(await send(at(step, { say: "554 5.7.1 no service for you\r\n" }))).toEqual(
      failed(`lmtp ${step}: 554 5.7.1`),
    );
  });

  test.each<[what: string, step: Step, say: string, outcome: object]>([
    ["no such mailbox", "RCPT", "550 5.1.1 <root@example.org> unknown\r\n", { isUnknownRecipient: true }],
    ["no such mailbox, without enhanced code", "RCPT", "550 no such user\r\n", { isUnknownRecipient: true }],
    ["no such domain", "RCPT", "550 5.1.2 Mailbox does not exist.\r\n", { isUnknownRecipient: true }],
    ["no such mailbox, as maddy says it", "RCPT", "501 5.1.1 User does not exist\r\n", { isUnknownRecipient: true }],
    ["a policy", "RCPT", "550 5.7.1 not from you\r\n", { isUnknownRecipient: false }],
    ["too big", "MAIL", "552 5.3.4 too big\r\n", refused("552 5.3.4 too big")],
    ["a sender that is none", "MAIL", "553 5.1.8 no such domain\r\n", refused("553 5.1.8 no such domain")],
    ["no message", "message", "550 5.7.7 Failed to parse\r\n", refused("550 5.7.7 Failed to parse")],
    ["Sieve's reject", "message", "550-5.7.1 go\r\n550 5.7.1 away\r\n", refused("550 5.7.1 go away")],
    [
      "a text that is none",
      "message",
      `554 5.6.0 \x1b[31mred\xff\0 at 192.0.2.17, 2001:db8::7 ${"x".repeat(500)}\r\n`,
      { reason: expect.stringMatching(/^554 5\.6\.0 \[31mred at \[\.\.\.\], \[\.\.\.\] x{150,200}$/) as unknown },
    ],
  ])("refused: %s", async (_, step, say, outcome) => {
    const given = await send(at(step, { say }));
    expect(given).toMatchObject({ kind: "refused", ...outcome });
    const { logged } = given as { logged: string };
    expect(logged).toMatch(/^lmtp (MAIL|RCPT|message): \d{3}( \d\.\d\.\d)?$/);
  });

  test.each<[what: string, step: Step, say: string]>([
    ["the client must log in", "MAIL", "503 5.5.1 You must authenticate first.\r\n"],
    ["the client must log in", "MAIL", "530 5.7.0 Authentication required\r\n"],
    ["the client is not liked", "MAIL", "550 5.7.1 your address is on a list\r\n"],
    ["a command is not known", "RCPT", "502 5.5.1 not implemented\r\n"],
    ["the mailbox is full", "RCPT", "552 5.2.2 over quota\r\n"],
    ["the mailbox is full", "message", "552 5.2.2 over quota\r\n"],
    ["something is full", "message", "552 no room\r\n"],
    ["the system is full", "message", "554 5.3.1 disk full\r\n"],
    ["the network", "message", "554 5.4.4 no route\r\n"],
  ])("%s (%s): no reason to bounce", async (_, step, say) => {
    const codes = /^\d{3}( \d\.\d\.\d)?/.exec(say)?.[0] ?? "";
    expect(await send(at(step, { say }))).toEqual(failed(`lmtp ${step}: ${codes}`));
  });

  test("a reply of the wrong kind to the message", async () => {
    expect(await send(at("message", { say: "354 go on\r\n" }))).toEqual(
      failed("lmtp message: unexpected reply 354", true),
    );
  });

  test("bytes that come in any pieces change nothing", async () => {
    const plays: readonly (Partial<Record<Step, Play>> | undefined)[] = [
      undefined,
      { RCPT: { say: "550-5.1.1 no\r\n550 5.1.1 such mailbox\r\n" } },
      { message: { say: "451 4.3.0 later\r\n" } },
      { message: { say: "250 2.0.0 stored\r\n421 4.3.2 bye\r\n", isClosed: true } },
    ];
    for (const play of plays) {
      const script = { extensions, ...(play === undefined ? {} : { plays: play }) };
      const expected = await send(script);
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }), async (cuts) => {
          expect(await send({ ...script, cuts })).toEqual(expected);
        }),
        { numRuns: 25 },
      );
    }
  });
});

const unusual = (): readonly (readonly [what: string, message: Buffer])[] => [
  ["NUL bytes", Buffer.from("Subject: x\r\n\r\na\0b\0\r\n")],
  ["8-bit", Buffer.from("Subject: Gr\xfc\xdfe\r\n\r\n\xff\xfe\r\n", "latin1")],
  ["dot lines", Buffer.from(".\r\n..\r\n.a\r\nb.\r\n\r\n.\r\n")],
  ["no line end at the end", Buffer.from("Subject: x\r\n\r\nend")],
  ["bare LF", Buffer.from("Subject: x\n\nbody\n.\nMAIL FROM:<evil@x>\n.\r\nrest\n")],
  ["bare CR", Buffer.from("Subject: x\r\r\n\r\n.\rbody\r.\r\r\n.\r\nQUIT\r")],
  ["nothing", Buffer.alloc(0)],
  ["one dot", Buffer.from(".")],
  ["24.9 MiB", Buffer.alloc(Math.floor(24.9 * MIB), "0123456789\xff\0\r\n.\r\n", "latin1")],
  ["exactly one chunk", Buffer.alloc(CHUNK_BYTES, "0123456789\r\n")],
  ["a byte more than one chunk", Buffer.alloc(CHUNK_BYTES + 1, "0123456789\r\n")],
];

describe.each([
  ["pipelined", true],
  ["not pipelined", false],
])("unusual messages, %s", (_, isPipelined) => {
  test.each(unusual())("BDAT keeps every byte: %s", async (_, message) => {
    const extensions = isPipelined ? ALL_EXTENSIONS : without("PIPELINING");
    expect(await send({ extensions }, { message })).toEqual({ kind: "delivered" });
    const { messages, commands } = await visit();
    expect(messages.map((taken) => taken.equals(message))).toEqual([true]);
    const chunks = Math.max(Math.ceil(message.length / CHUNK_BYTES), 1);
    expect(commands.filter((command) => command.startsWith("BDAT"))).toHaveLength(chunks);
    expect(commands.filter((command) => command.endsWith(" LAST"))).toHaveLength(1);
  });

  test.each(unusual())("DATA changes line ends only: %s", async (_, message) => {
    const extensions = without("CHUNKING", ...(isPipelined ? [] : ["PIPELINING"]));
    expect(await send({ extensions }, { message })).toEqual({ kind: "delivered" });
    const { messages, commands } = await visit();
    const expected = normalised(message);
    expect(messages.map((taken) => taken.equals(expected))).toEqual([true]);
    // Nothing of the message became a command.
    expect(commands.map((command) => command.split(" ", 1).join(""))).toEqual(["LHLO", "MAIL", "RCPT", "DATA", "QUIT"]);
  });
});

/** Written differently from the client, to check it. */
function normalised(message: Buffer): Buffer {
  const lines = message
    .toString("latin1")
    .replace(/\r(?!\n)/g, " ")
    .split(/\r?\n/);
  const text = lines.join("\r\n");
  return Buffer.from(text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`, "latin1");
}

describe("large messages", () => {
  const large = Buffer.alloc(10 * CHUNK_BYTES, "0123456789abcde\n");

  test("no more is on the way than the window", async () => {
    let written = 0;
    const replies = ["220 x\r\n", "250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n", "250 ok\r\n", "250 ok\r\n"];
    const stream: ByteStream = {
      read: () => {
        const reply = replies.shift();
        return reply === undefined ? new Promise(() => undefined) : Promise.resolve(Buffer.from(reply));
      },
      write: (bytes) => Promise.resolve(void (written += bytes.byteLength)),
      close: () => undefined,
    };
    const settings = {
      name: "x",
      budgets: { ...LMTP_BUDGETS, ...SHORT },
      clock: systemClock,
      pipelinesBdat: true,
      until: Date.now() + 5_000,
    };
    const session = await openLmtp(stream, settings);
    const outcome = await session.deliver({ from: SENDER, to: RECIPIENT, message: large });
    expect(outcome).toEqual(failed("lmtp BDAT: no answer in time"));
    expect(written).toBeGreaterThan(WINDOW_CHUNKS * CHUNK_BYTES);
    expect(written).toBeLessThan(WINDOW_CHUNKS * CHUNK_BYTES + 1_000);
  });

  test.each<[what: string, play: Play, outcome: object]>([
    ["refused", { say: "552 5.3.4 too big\r\n" }, refused("552 5.3.4 too big")],
    ["not taken now", { say: "452 4.3.1 no room\r\n" }, failed("lmtp BDAT: 452 4.3.1")],
    ["closed", { isClosed: true }, failed(/^lmtp \w+: the connection (was closed|broke)$/)],
  ])("a chunk is %s: the rest is not sent, and it was not taken", async (_, play, outcome) => {
    expect(await send({ plays: { BDAT: play } }, { message: large })).toMatchObject(outcome);
    const { commands, messages } = await visit();
    const chunks = commands.filter((command) => command.startsWith("BDAT"));
    expect(chunks.length).toBeLessThanOrEqual(WINDOW_CHUNKS);
    expect(chunks.some((command) => command.endsWith("LAST"))).toBe(false);
    expect(messages).toEqual([]);
  });

  test("an unknown recipient is not sent all of it", async () => {
    const outcome = await send({ plays: { RCPT: { say: "550 5.1.1 no\r\n" } } }, { message: large });
    expect(outcome).toMatchObject({ kind: "refused", isUnknownRecipient: true });
    const { commands } = await visit();
    expect(commands.length).toBeLessThanOrEqual(3 + WINDOW_CHUNKS);
  });

  test("the server stops in the middle of DATA and says why", async () => {
    const extensions = without("CHUNKING");
    const play = { say: "354 go\r\n552 5.3.4 too big\r\n", isClosed: true };
    const outcome = await send({ extensions, plays: { DATA: play } }, { message: large });
    expect(outcome).toMatchObject(refused("552 5.3.4 too big"));
  });

  test("larger than the server takes: it is not even asked", async () => {
    const extensions = ["PIPELINING", "CHUNKING", "SIZE 1000"];
    expect(await send({ extensions }, { message: large })).toMatchObject({ kind: "refused" });
    expect((await visit()).commands).toEqual(["LHLO worker.example.org", "QUIT"]);
  });
});

describe("a server that takes the octets of a refused BDAT for commands", () => {
  const evil = Buffer.from(`MAIL FROM:<evil@x>\r\nRCPT TO:<${RECIPIENT}>\r\n`.repeat(3));
  const script = { isNaive: true, plays: { RCPT: { say: "550 5.1.1 no\r\n" } } };

  test("gets nothing of the message before it has accepted the recipient", async () => {
    expect(await send(script, { message: evil, pipelinesBdat: false })).toMatchObject({ kind: "refused" });
    expect((await visit()).commands.map((command) => command.split(" ", 1).join(""))).toEqual(["LHLO", "MAIL", "RCPT"]);
  });

  test("would get commands otherwise", async () => {
    await send(script, { message: evil, pipelinesBdat: true });
    expect((await visit()).commands).toContain("MAIL FROM:<evil@x>");
  });

  test("gets one chunk after the other", async () => {
    const message = Buffer.concat([Buffer.alloc(CHUNK_BYTES, "a\r\n"), evil]);
    const plays = { BDAT: { say: "452 4.3.1 no room\r\n" } };
    const outcome = await send({ isNaive: true, plays }, { message, pipelinesBdat: false });
    expect(outcome).toEqual(failed("lmtp BDAT: 452 4.3.1"));
    expect((await visit()).commands.filter((command) => command.startsWith("BDAT"))).toHaveLength(1);
  });
});

describe("the envelope", () => {
  test.each<[what: string, from: string, mail: string]>([
    ["the null reverse-path", "", "MAIL FROM:<>"],
    ["a quoted local part", '"a b>c"@remote.example', 'MAIL FROM:<"a b>c"@remote.example>'],
    ["an address that ends the path", "a@b> SIZE=1 <c@d", "MAIL FROM:<>"],
    ["an address with a line end", "a@b\r\nRCPT TO:<evil@x>", "MAIL FROM:<>"],
    ["an address in another script", "büro@remote.example", "MAIL FROM:<>"],
    ["no address", "<>", "MAIL FROM:<>"],
  ])("%s", async (_, from, mail) => {
    expect(await send({ extensions: ["PIPELINING", "CHUNKING"] }, { from })).toEqual({ kind: "delivered" });
    expect((await visit()).commands.slice(1, 3)).toEqual([mail, `RCPT TO:<${RECIPIENT}>`]);
  });

  test("an address in another script, where the server takes them", async () => {
    expect(await send({ extensions: ["SMTPUTF8", "CHUNKING"] }, { from: "büro@remote.example" })).toEqual({
      kind: "delivered",
    });
    const [, mail = ""] = (await visit()).commands;
    expect(Buffer.from(mail, "latin1").toString()).toBe("MAIL FROM:<büro@remote.example> SMTPUTF8");
  });

  test.each([
    "root@example.org> NOTIFY=NEVER",
    "root",
    "@example.org",
    "a b@example.org",
    "a@b\r\nDATA",
    `${"a".repeat(700)}@x`,
  ])("a recipient that is none: %j", async (to) => {
    expect(await send({}, { to })).toMatchObject({
      kind: "refused",
      reason: expect.stringMatching(/^553 5\.1\.3/) as unknown,
    });
    expect((await visit()).commands).toEqual(["LHLO worker.example.org", "QUIT"]);
  });
});

test("everything together has a budget, however busy the server is", async () => {
  // Each line comes in time, but there is no end.
  server.script = { plays: { greeting: { say: "220-and\r\n".repeat(90) } }, cuts: [1] };
  const started = Date.now();
  const outcome = await sendOverSocket(server.port, {
    message: MESSAGE,
    budgets: { greetingMs: 60_000, totalMs: HANGING_MS },
  });
  expect(outcome).toEqual(failed("lmtp greeting: no answer in time"));
  expect(Date.now() - started).toBeLessThan(20 * HANGING_MS);
});
