/**
 * The LMTP client against three servers that nobody here wrote, read back from their mailboxes. What they do differently
 * from one another, and the client must therefore not assume:
 *
 * - Cyrus 3.6 offers no CHUNKING, so bare LF becomes CRLF on the way; it refuses NUL (554 5.6.0) and adds a missing `Date`;
 * - Dovecot 2.3 offers CHUNKING but not SIZE, and stores bare LF as CRLF;
 * - maddy 0.8 offers everything, keeps every byte, calls an unknown recipient `501 5.1.1`, and takes the octets
 *   of a BDAT after a refused RCPT for commands.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../worker/src/clock";
import { NO_LEDGER } from "../../worker/src/ledger";
import { attemptByLmtp, createLmtpHome } from "../../worker/src/lmtp/attempt";
import { LMTP_BUDGETS } from "../../worker/src/lmtp/budgets";
import { openLmtp } from "../../worker/src/lmtp/client";
import type { LmtpOutcome } from "../../worker/src/lmtp/client";
import { deliveryHeaders } from "../../worker/src/message";
import { describeWith } from "../needs";
import { NOTHING_BESIDE } from "../worker/nobody";
import { connectSocket, sendOverSocket } from "../worker/lmtp-socket";
import { CYRUS_INSTALL, CYRUS_MASTER } from "./cyrus/server";
import { startCyrusJudge } from "./lmtp/cyrus";
import { DOVECOT_INSTALL, DOVECOT_LMTP, startDovecot } from "./lmtp/dovecot";
import { USER } from "./lmtp/judge";
import type { Judge } from "./lmtp/judge";
import { MADDY, MADDY_INSTALL, startMaddy } from "./lmtp/maddy";

const MIB = 1024 * 1024;
const BUDGET_MS = 60_000;
/** Longer than a server needs for a message that nobody waits for. */
const SETTLING_MS = 300;
const SENDER = "sender@remote.example";

interface Case {
  readonly name: string;
  readonly program: string;
  readonly install: string;
  readonly start: () => Promise<Judge>;
  readonly offers: object;
  /** What the mailbox holds after the server's own header fields. */
  readonly stored: (message: Buffer) => Buffer;
  /** Names of these fields, in their order. */
  readonly added: readonly string[];
  readonly unknownRecipient: string;
  readonly takesNul: boolean;
  /** The octets of a BDAT after a refused RCPT are no commands (RFC 3030 section 2). */
  readonly readsRefusedBdat: boolean;
  /** The same message twice is there once. */
  readonly suppressesDuplicates: boolean;
  /** Where the Sieve script files a message; undefined: there is no Sieve. */
  readonly filedInto?: string;
}

const sieve = (folder: string) => `require ["fileinto"];
if header :contains "subject" "file me" { fileinto "${folder}"; }
`;

const withCrlf = (message: Buffer) => Buffer.from(message.toString("latin1").replace(/\r?\n/g, "\r\n"), "latin1");

const CASES: readonly Case[] = [
  {
    name: "Cyrus",
    program: CYRUS_MASTER,
    install: CYRUS_INSTALL,
    start: () => startCyrusJudge(sieve("INBOX/Archive")),
    offers: { pipelining: true, chunking: false, eightBitMime: true, size: true },
    stored: withCrlf,
    added: ["Return-Path", "Received", "X-Cyrus-Session-Id", "X-Sieve"],
    unknownRecipient: "550 5.1.1",
    takesNul: false,
    readsRefusedBdat: true,
    suppressesDuplicates: true,
    filedInto: "INBOX/Archive",
  },
  {
    name: "Dovecot",
    program: DOVECOT_LMTP,
    install: DOVECOT_INSTALL,
    start: () => startDovecot(sieve("Filed")),
    offers: { pipelining: true, chunking: true, eightBitMime: true, size: false },
    stored: withCrlf,
    added: ["Return-Path", "Delivered-To", "Received"],
    unknownRecipient: "550 5.1.1",
    takesNul: true,
    readsRefusedBdat: true,
    suppressesDuplicates: false,
    filedInto: "Filed",
  },
  {
    name: "maddy",
    program: MADDY,
    install: MADDY_INSTALL,
    start: startMaddy,
    offers: { pipelining: true, chunking: true, eightBitMime: true, size: true },
    stored: (message) => message,
    added: ["Delivered-To", "Return-Path"],
    unknownRecipient: "501 5.1.1",
    takesNul: true,
    readsRefusedBdat: false,
    suppressesDuplicates: false,
  },
];

let serial = 0;

/** A message that nobody has sent before. Its first field is {@link FIRST}. */
function message(body: Buffer | string, subject = "hello"): Buffer {
  serial += 1;
  const head = `${FIRST}${serial}@remote.example>\r\nFrom: ${SENDER}\r\nTo: ${USER}\r\nSubject: ${subject}\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), typeof body === "string" ? Buffer.from(body, "latin1") : body]);
}

const FIRST = "Message-ID: <";

for (const judge of CASES) {
  describeWith(judge.program, judge.install)(judge.name, () => {
    let server: Judge;

    beforeAll(async () => {
      server = await judge.start();
    }, BUDGET_MS);

    afterAll(() => server.close());

    const send = (raw: Buffer, from = SENDER, to = USER): Promise<LmtpOutcome> =>
      sendOverSocket(server.lmtpPort, { from, to, message: raw });

    /** The copies of a message in a folder: what the server put in front, and the rest. */
    async function copies(raw: Buffer, folder = "INBOX"): Promise<readonly (readonly [added: string, rest: Buffer])[]> {
      const id = raw.subarray(0, raw.indexOf("\r\n"));
      return (await server.read(folder)).flatMap((stored) => {
        const start = stored.indexOf(id);
        return start < 0 ? [] : [[stored.toString("latin1", 0, start), stored.subarray(start)] as const];
      });
    }

    test("what it offers", async () => {
      const settings = {
        name: "x",
        budgets: LMTP_BUDGETS,
        clock: systemClock,
        pipelinesBdat: false,
        until: Date.now() + BUDGET_MS,
      };
      const session = await openLmtp(await connectSocket(server.lmtpPort), settings);
      await session.close();
      expect(session.capabilities).toMatchObject(judge.offers);
    });

    test.each<[what: string, body: Buffer | string, from: string]>([
      ["a small message", "body\r\n", SENDER],
      ["dot lines", ".\r\n..\r\n.a\r\n\r\n.\r\n", SENDER],
      ["8-bit", "\xff\xfe Gr\xfc\xdfe\r\n", SENDER],
      ["bare LF, and a line that looks like the end", "a\nb\n.\nMAIL FROM:<evil@x>\n.\r\nrest\r\n", SENDER],
      ["a null sender", "bounce\r\n", ""],
      ["an empty body", "", SENDER],
      ["1 MiB", Buffer.alloc(MIB, `${"0123456789".repeat(7)}\r\n`).fill("\r\n", MIB - 2), SENDER],
    ])(
      "%s is in the mailbox once, with the server's own fields in front",
      async (_, body, from) => {
        const raw = message(body);
        expect(await send(raw, from)).toEqual({ kind: "delivered" });
        const found = await copies(raw);
        expect(found.map(([, rest]) => rest.equals(judge.stored(raw)))).toEqual([true]);
        const fields = [...(found[0]?.[0] ?? "").matchAll(/^([!-9;-~]+):/gm)].map(([, name]) => name);
        expect(fields).toEqual(judge.added);
        expect(found[0]?.[0]).toContain(`Return-Path: <${from}>\r\n`);
      },
      BUDGET_MS,
    );

    test(
      "24.9 MiB",
      async () => {
        const raw = message(Buffer.alloc(Math.floor(24.9 * MIB), `${"0123456789".repeat(7)}\xff\r\n.\r\n`, "latin1"));
        raw.fill("\r\n", raw.length - 2);
        expect(await send(raw)).toEqual({ kind: "delivered" });
        expect((await copies(raw)).map(([, rest]) => rest.equals(judge.stored(raw)))).toEqual([true]);
      },
      BUDGET_MS,
    );

    test("NUL bytes", async () => {
      const raw = message("a\0b\r\n");
      const outcome = await send(raw);
      expect(outcome).toMatchObject(
        judge.takesNul ? { kind: "delivered" } : { kind: "refused", logged: "lmtp message: 554 5.6.0" },
      );
      const expected = judge.takesNul ? [true] : [];
      expect((await copies(raw)).map(([, rest]) => rest.equals(judge.stored(raw)))).toEqual(expected);
    });

    test("an unknown recipient is refused, also a large message for one", async () => {
      for (const raw of [message("body\r\n"), message(Buffer.alloc(3 * MIB, "0123456789\r\n"))])
        expect(await send(raw, SENDER, "nobody@example.org")).toMatchObject({
          kind: "refused",
          isUnknownRecipient: true,
          logged: `lmtp RCPT: ${judge.unknownRecipient}`,
        });
    });

    test("a message to an unknown recipient cannot send mail of its own", async () => {
      const inner = message("smuggled\r\n");
      const commands = `LHLO x\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<${USER}>\r\nDATA\r\n${inner.toString()}.\r\n`;
      // The message begins with the commands: nothing of a head must hide them.
      for (const pipelinesBdat of judge.readsRefusedBdat ? [true, false] : [false]) {
        const sending = { to: "nobody@example.org", message: Buffer.from(commands), pipelinesBdat };
        expect(await sendOverSocket(server.lmtpPort, sending)).toMatchObject({ kind: "refused" });
        await sleep(SETTLING_MS);
        expect(await copies(inner)).toEqual([]);
      }
    });

    test("the same message twice", async () => {
      const raw = message("twice\r\n");
      expect([await send(raw), await send(raw)]).toEqual([{ kind: "delivered" }, { kind: "delivered" }]);
      expect(await copies(raw)).toHaveLength(judge.suppressesDuplicates ? 1 : 2);
    });

    test("an attempt of the Worker: X-Original-To is in front, and Return-Path is there once", async () => {
      const raw = message("attempt\r\n");
      const head = deliveryHeaders(SENDER, USER);
      const settings = { name: "worker.example.org", budgets: LMTP_BUDGETS, clock: systemClock, pipelinesBdat: false };
      const outcome = await attemptByLmtp({
        message: { bytes: new Uint8Array(Buffer.concat([head, raw])), start: head.byteLength },
        print: { content: "" },
        from: SENDER,
        addresses: [USER],
        hasCatchAll: false,
        receivedAt: 0,
        home: createLmtpHome(() => connectSocket(server.lmtpPort), settings, NOTHING_BESIDE),
        ledger: NO_LEDGER,
        clock: systemClock,
        timed: () => undefined,
      });
      expect(outcome).toMatchObject({ kind: "delivered" });
      const found = await copies(raw);
      expect(found.map(([, rest]) => rest.equals(raw))).toEqual([true]);
      const added = found[0]?.[0] ?? "";
      expect(added.endsWith(`\r\nX-Original-To: ${USER}\r\n`)).toBe(true);
      expect(added.match(/^Return-Path:/gm)).toHaveLength(1);
    });

    if (judge.filedInto !== undefined) {
      const { filedInto } = judge;
      test("a Sieve script files a message", async () => {
        const raw = message("body\r\n", "please file me");
        expect(await send(raw)).toEqual({ kind: "delivered" });
        expect(await copies(raw)).toEqual([]);
        expect((await copies(raw, filedInto)).map(([, rest]) => rest.equals(raw))).toEqual([true]);
      });
    }
  });
}
