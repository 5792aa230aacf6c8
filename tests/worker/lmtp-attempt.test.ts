import { systemClock } from "../../worker/src/clock";
import { NO_KNOWN_IDS } from "../../worker/src/known-ids";
import type { Ledger } from "../../worker/src/ledger";
import { attemptByLmtp, bytesForLmtp, createLmtpHome } from "../../worker/src/lmtp/attempt";
import type { Outcome } from "../../worker/src/attempt";
import { LMTP_BUDGETS } from "../../worker/src/lmtp/budgets";
import { deliveryHeaders } from "../../worker/src/message";
import { receivedField } from "../../worker/src/received";
import { NOTHING_BESIDE } from "./nobody";
import { startScriptedServer } from "./lmtp-server";
import type { ScriptedServer } from "./lmtp-server";
import { connectSocket, RECIPIENT, SENDER } from "./lmtp-socket";

const RAW = Buffer.from("Message-ID: <1@x>\r\n\r\nbody\r\n");
const HOP = { by: "example.org", trace: "0".repeat(32), receivedAt: 0 };
const HEAD = deliveryHeaders(SENDER, RECIPIENT, HOP);
const MESSAGE = { bytes: new Uint8Array(Buffer.concat([HEAD, RAW])), start: HEAD.byteLength };
const FRONT = Buffer.from(`X-Original-To: ${RECIPIENT}\r\n${receivedField(HOP)}\r\n`);
const SENT = Buffer.concat([FRONT, RAW]);

let server: ScriptedServer;
/** What the ledger was told, in order. */
let told: string[];

beforeAll(async () => {
  server = await startScriptedServer();
});

beforeEach(() => {
  server.script = {};
  server.visits.length = 0;
  told = [];
});

afterAll(() => server.close());

function ledgerThatSays(kind: "mine" | "delivered" | "busy"): Ledger {
  return {
    claim: () => Promise.resolve(kind === "mine" ? { kind, held: [] } : { kind }),
    release: () => Promise.resolve(void told.push("release")),
    complete: () => Promise.resolve(told.push("complete") > 0),
    ids: NO_KNOWN_IDS,
  };
}

interface Given {
  readonly addresses?: readonly string[];
  readonly hasCatchAll?: boolean;
  readonly claim?: "mine" | "delivered" | "busy";
  readonly port?: number;
}

async function attempt(given: Given = {}): Promise<Outcome> {
  const { addresses = [RECIPIENT], hasCatchAll = false, claim = "mine", port = server.port } = given;
  const settings = { name: "worker.example.org", budgets: LMTP_BUDGETS, clock: systemClock, pipelinesBdat: true };
  return await attemptByLmtp({
    message: MESSAGE,
    print: { content: "0" },
    from: SENDER,
    addresses,
    hasCatchAll,
    receivedAt: 0,
    home: createLmtpHome(() => connectSocket(port), settings, NOTHING_BESIDE),
    ledger: ledgerThatSays(claim),
    clock: systemClock,
    timed: () => undefined,
  });
}

function recipients(): readonly string[] {
  return server.visits.flatMap(({ commands }) => commands.filter((command) => command.startsWith("RCPT")));
}

test("delivered: the marker is written, and only X-Original-To and Received are in front", async () => {
  expect(await attempt()).toEqual({ kind: "delivered", ledgerWritten: true });
  expect(told).toEqual(["complete"]);
  expect(server.visits.map(({ messages }) => messages)).toEqual([[SENT]]);
});

test("a message without our headers in front is sent as it is", () => {
  expect(Buffer.from(bytesForLmtp({ bytes: RAW, start: 0 }))).toEqual(RAW);
});

test("the edge's verdict stays below our Received, and a forged one is renamed", () => {
  const edge =
    "Received: from x by cloudflare-email.net (cloudflare) id y; z\r\nAuthentication-Results: mx.cloudflare.net; a\r\n";
  const forged = "Authentication-Results: mx.cloudflare.net; b\r\n";
  const bytes = Buffer.concat([HEAD, Buffer.from(edge + forged), RAW]);
  expect(Buffer.from(bytesForLmtp({ bytes, start: HEAD.byteLength })).toString()).toBe(
    `${FRONT.toString()}${edge}X-Foreign-Auth-Results: mx.cloudflare.net; b\r\n${RAW.toString()}`,
  );
  expect(bytes.toString()).toContain(edge + forged);
});

test.each([
  ["delivered", "duplicate"],
  ["busy", "busy"],
] as const)("the ledger says %s: nothing is sent", async (claim, kind) => {
  expect(await attempt({ claim })).toEqual({ kind });
  expect(recipients()).toEqual([]);
  expect(told).toEqual([]);
});

test("not taken now: the claim is given back", async () => {
  server.script = { plays: { message: { say: "451 4.3.0 later\r\n" } } };
  expect(await attempt()).toMatchObject({ kind: "failed", error: { message: "lmtp message: 451 4.3.0" } });
  expect(told).toEqual(["release"]);
});

test("closed after the whole message: the claim stays, so that nobody sends a second copy until it ends", async () => {
  server.script = { plays: { message: { isClosed: true } } };
  expect(await attempt()).toMatchObject({ kind: "failed", error: { uncertain: true } });
  expect(told).toEqual([]);
});

test("nobody listens: the claim is given back", async () => {
  const gone = await startScriptedServer();
  await gone.close();
  expect(await attempt({ port: gone.port })).toMatchObject({ kind: "failed", error: { uncertain: false } });
  expect(told).toEqual(["release"]);
});

describe("the server does not know the recipient", () => {
  const unknown = { RCPT: { say: "550 5.1.1 <root@example.org> unknown\r\n" } };

  test("refused, and the log gets no address", async () => {
    server.script = { plays: unknown };
    expect(await attempt()).toMatchObject({ kind: "refused", logged: "lmtp RCPT: 550 5.1.1" });
    expect(told).toEqual(["release"]);
  });

  test("the other addresses are tried in their order", async () => {
    server.script = { plays: unknown };
    await attempt({ addresses: ["root+tag@example.org", "root@example.org"] });
    expect(recipients()).toEqual(["RCPT TO:<root+tag@example.org>", "RCPT TO:<root@example.org>"]);
  });

  test("with a catch-all it is trouble at home", async () => {
    server.script = { plays: unknown };
    expect(await attempt({ hasCatchAll: true })).toMatchObject({
      kind: "failed",
      error: { message: "the catch-all address has no mailbox", uncertain: false },
    });
    expect(told).toEqual(["release"]);
  });

  test("any other refusal ends it", async () => {
    server.script = { plays: { RCPT: { say: "550 5.7.1 no\r\n" } } };
    const outcome = await attempt({ addresses: ["root+tag@example.org", "root@example.org"], hasCatchAll: true });
    expect(outcome).toMatchObject({ kind: "refused", reason: "550 5.7.1 no" });
    expect(recipients()).toHaveLength(1);
  });
});

test("home answers, or not", async () => {
  const settings = { name: "x", budgets: LMTP_BUDGETS, clock: systemClock, pipelinesBdat: true };
  expect(await createLmtpHome(() => connectSocket(server.port), settings, NOTHING_BESIDE).answers()).toBe(true);
  server.script = { plays: { greeting: { say: "421 no\r\n", isClosed: true } } };
  expect(await createLmtpHome(() => connectSocket(server.port), settings, NOTHING_BESIDE).answers()).toBe(false);
});
