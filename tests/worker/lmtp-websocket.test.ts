import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { startTcpRelay, switching } from "../../sandbox/edge/tcp-relay";
import type { RefusedUpgrade, TcpRelay } from "../../sandbox/edge/tcp-relay";
import { frame, Opcode } from "../../sandbox/edge/websocket-frames";
import { CHUNK_BYTES } from "../../worker/src/lmtp/client";
import { FRAME_BYTES } from "../../worker/src/lmtp/websocket";
import { ALL_EXTENSIONS, startScriptedServer } from "./lmtp-server";
import type { ScriptedServer } from "./lmtp-server";
import { startLmtpWorker } from "./lmtp-workerd";
import type { LmtpWorker } from "./lmtp-workerd";

/** The LMTP client in real workerd, through a WebSocket relay that does what cloudflared does, to a scripted server. */

const MIB = 1024 * 1024;
const SHORT_MS = 300;
const MESSAGE = Buffer.from("Subject: hello\r\n\r\nbody\r\n");
const BUDGET_MS = 60_000;

let server: ScriptedServer;
let relay: TcpRelay;
let worker: LmtpWorker;
let target: number | undefined;
let refusal: RefusedUpgrade | undefined;
let hijack: ((socket: Duplex, key: string) => boolean) | undefined;
const shown: (string | undefined)[] = [];

beforeAll(async () => {
  server = await startScriptedServer();
  relay = await startTcpRelay({
    target: () => target ?? server.port,
    admit: ({ headers }) => {
      shown.push(`${String(headers["cf-access-client-id"])} ${String(headers["cf-access-client-secret"])}`);
      return refusal;
    },
    hijack: (socket, key) => hijack?.(socket, key) ?? false,
  });
  worker = await startLmtpWorker();
}, BUDGET_MS);

beforeEach(() => {
  server.script = {};
  target = undefined;
  refusal = undefined;
  hijack = undefined;
  relay.received.length = 0;
});

afterAll(async () => {
  await worker.close();
  await relay.close();
  await server.close();
});

const send = (message: Buffer, budgets?: object) => worker.send(relay.port, message, budgets);

const failed = (message: string, uncertain = false) => ({
  kind: "failed",
  error: { message, trouble: "home", uncertain },
});

async function isOver(): Promise<void> {
  while (server.visits.at(-1)?.isOver === false) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Nobody listens there any more. */
async function closedPort(): Promise<number> {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as AddressInfo;
  await new Promise<void>((resolve) => holder.close(() => resolve()));
  return port;
}

test("a message: the service token is shown, and the server sees LMTP from greeting to QUIT", async () => {
  expect(await send(MESSAGE)).toEqual({ kind: "delivered" });
  await isOver();
  const { messages, commands } = server.visits.at(-1) ?? { messages: [], commands: [] };
  expect(messages).toEqual([MESSAGE]);
  expect(commands.map((command) => command.split(" ", 1).join(""))).toEqual(["LHLO", "MAIL", "RCPT", "BDAT", "QUIT"]);
  expect(shown.at(-1)).toBe("client.access cfast_secret");
});

test.each([
  ["BDAT", ALL_EXTENSIONS],
  ["DATA", ["PIPELINING", "8BITMIME"]],
])(
  "24.9 MiB with %s: every byte, and no WebSocket message that cloudflared would cut",
  async (_, extensions) => {
    const message = Buffer.alloc(Math.floor(24.9 * MIB), "0123456789\xff\0abcde\r\n.\r\n", "latin1");
    message.write("\r\n", message.length - 2);
    server.script = { extensions };
    expect(await send(message)).toEqual({ kind: "delivered" });
    expect(server.visits.at(-1)?.messages.map((taken) => taken.equals(message))).toEqual([true]);
    expect(relay.dropped()).toBe(0);
    expect(Math.max(...relay.received)).toBe(FRAME_BYTES);
  },
  BUDGET_MS,
);

test("bare LF, NUL and 8-bit bytes", async () => {
  const message = Buffer.from("a\nb\0\xff\r\n.\n.\r\n", "latin1");
  expect(await send(message)).toEqual({ kind: "delivered" });
  expect(server.visits.at(-1)?.messages).toEqual([message]);
});

test.each<[what: string, refused: RefusedUpgrade, reason: string]>([
  [
    "Access' login",
    { status: 302, headers: { location: "https://team.example/login" } },
    "status 302, a redirect: Access does not know the service token",
  ],
  ["Access refuses", { status: 403, body: "Forbidden" }, "status 403, Access does not admit the service token"],
  ["the tunnel is not connected", { status: 530, body: "error code: 1033" }, "status 530"],
  ["an HTML page", { status: 200, headers: { "content-type": "text/html" }, body: "<html></html>" }, "status 200"],
  ["a rate limit", { status: 429 }, "status 429"],
])("the answer to the upgrade: %s", async (_, refused, reason) => {
  refusal = refused;
  expect(await send(MESSAGE)).toEqual(failed(`lmtp connect: ${reason}`));
});

test("cloudflared does not reach the listener", async () => {
  target = await closedPort();
  expect(await send(MESSAGE)).toEqual(failed("lmtp connect: status 502"));
});

test("the edge does not answer", async () => {
  hijack = () => true;
  expect(await send(MESSAGE, { connectMs: SHORT_MS })).toEqual(failed("lmtp connect: no answer in time"));
});

test("the connection breaks instead of an answer", async () => {
  hijack = (socket) => {
    socket.destroy();
    return true;
  };
  expect(await send(MESSAGE)).toEqual(failed("lmtp connect: the connection failed"));
});

const conversationThat =
  (act: (socket: Duplex) => void) =>
  (socket: Duplex, key: string): true => {
    socket.write(switching(key));
    act(socket);
    return true;
  };

test.each<[what: string, act: (socket: Duplex) => void, reason: string]>([
  ["closes with a Close frame", (socket) => socket.end(frame(Opcode.close, Buffer.from([3, 232]))), "was closed"],
  ["ends without one", (socket) => socket.end(), "was closed"],
  ["sends text", (socket) => socket.write(frame(Opcode.text, Buffer.from("220 hello\r\n"))), "broke"],
  ["sends no frames", (socket) => socket.write("220 hello\r\n"), "was closed"],
])("the WebSocket %s", async (_, act, reason) => {
  hijack = conversationThat(act);
  const outcome = (await send(MESSAGE)) as { error: { message: string } };
  expect(outcome).toMatchObject({ kind: "failed", error: { uncertain: false } });
  expect(outcome.error.message).toMatch(new RegExp(`^lmtp greeting: the connection (${reason}|broke)$`));
});

test("more than anybody asked for", async () => {
  hijack = conversationThat((socket) => {
    socket.write(frame(Opcode.binary, Buffer.from("220 hello\r\n")));
    for (let count = 0; count < 100; count += 1) socket.write(frame(Opcode.binary, Buffer.alloc(16 * 1024, "x")));
  });
  const outcome = (await send(MESSAGE)) as { error: { message: string } };
  expect(outcome.error.message).toMatch(
    /^lmtp (greeting|LHLO): (the connection broke|a line is longer than 2000 bytes)$/,
  );
});

test("a reply that comes in many messages", async () => {
  server.script = { cuts: [1, 2, 3] };
  expect(await send(MESSAGE)).toEqual({ kind: "delivered" });
});

describe("the server closes", () => {
  test.each([
    ["after the message", "message", true],
    ["at the greeting", "greeting", false],
    ["at LHLO", "LHLO", false],
  ] as const)("%s", async (_, step, uncertain) => {
    server.script = { plays: { [step]: { isClosed: true } } };
    expect(await send(MESSAGE)).toEqual(failed(`lmtp ${step}: the connection was closed`, uncertain));
  });

  test("in the middle of a large message: it says so and not all is sent", async () => {
    const message = Buffer.alloc(20 * CHUNK_BYTES, "0123456789abcde\n");
    server.script = { plays: { BDAT: { say: "421 4.3.2 shutting down\r\n", isClosed: true } } };
    expect(await send(message)).toEqual(failed("lmtp BDAT: 421 4.3.2"));
    const sent = relay.received.reduce((sum, size) => sum + size, 0);
    expect(sent).toBeLessThan(8 * CHUNK_BYTES);
  });
});

test("nothing stays open", async () => {
  await isOver();
  const until = Date.now() + 2_000;
  while (relay.open() > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(relay.open()).toBe(0);
});
