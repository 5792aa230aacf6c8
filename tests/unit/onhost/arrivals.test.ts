import { mkdtempSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { asker } from "../../../onhost/src/arrivals/command";
import { arrivalsKeys, ensureArrivalsKey, retireArrivalsKeys } from "../../../onhost/src/arrivals/keys";
import { parseQuestion, type Question } from "../../../onhost/src/arrivals/question";
import { hasTrace } from "../../../onhost/src/arrivals/received";
import { type ArrivalsServer, startArrivals } from "../../../onhost/src/arrivals/server";
import { connectTo } from "../../../onhost/src/jmap/client";
import { createDirectory } from "../../../sandbox/host/accounts";
import { createJmapServer, type JmapServer } from "../../../sandbox/host/jmap-server";
import { createMailStore, type MailStore } from "../../../sandbox/host/mail-store";
import { basic } from "./lab";

const DOMAIN = "example.org";
const ROOT = `root@${DOMAIN}`;
const TRACE = "0123456789abcdef0123456789abcdef";
const OTHER_TRACE = "f".repeat(32);
const NOW = Date.now();
const MINUTE_MS = 60_000;
const ADMIN = { login: "admin", password: "admin-test-only" };
const KEY = `ARR_${"k".repeat(43)}`;

const question: Question = {
  addresses: [ROOT],
  traces: [TRACE],
  since: NOW - 10 * MINUTE_MS,
  askedAt: NOW,
};
const received = (trace: string) =>
  `Received: from mx.remote.example by ${DOMAIN} with ESMTP id ${trace}; Mon, 30 Nov 2026 11:50:00 +0000\r\n`;
const hop = "Received: from a by b with ESMTPS id 4cQ1; Mon, 30 Nov 2026 11:49:00 +0000\r\n";

let store: MailStore;
let mail: JmapServer;
let service: ArrivalsServer;

beforeEach(async () => {
  const accounts = [
    { address: ROOT, aliases: [`postmaster@${DOMAIN}`], password: "pw" },
    { address: `other@${DOMAIN}`, password: "pw" },
  ];
  store = createMailStore(undefined);
  mail = await createJmapServer({
    publicUrl: `https://mail.${DOMAIN}`,
    domain: DOMAIN,
    accounts,
    store,
    recoveryAdmin: ADMIN,
  });
  const connect = () =>
    connectTo({
      url: `http://127.0.0.1:${mail.port}`,
      sessionPath: "/jmap/session",
      authorization: basic(ADMIN.login, ADMIN.password),
      patience: { firstPauseMs: 10, longestPauseMs: 10, totalMs: 50 },
    });
  service = await startArrivals({
    port: 0,
    host: "127.0.0.1",
    keys: () => [KEY],
    ask: asker(connect, { now: () => NOW }),
  });
});

afterEach(async () => {
  await Promise.all([service.close(), mail.close()]);
});

function put(head: string, address = ROOT, at = NOW - 9 * MINUTE_MS): void {
  const account = createDirectory(
    DOMAIN,
    [
      { address: ROOT, password: "" },
      { address: `other@${DOMAIN}`, password: "" },
    ],
    undefined,
  ).byAddress(address);
  if (account === undefined) throw new Error(`no account ${address}`);
  const raw = Buffer.from(`${head}Subject: id ${TRACE}\r\n\r\nReceived: from a by b id ${TRACE}\r\n`);
  store.add(account, { mailboxId: "a", keywords: {}, receivedAt: new Date(at).toISOString(), raw });
}

async function post(body: string, authorization = `Bearer ${KEY}`): Promise<{ status: number; text: string }> {
  const headers = { authorization, "content-type": "application/json" };
  const response = await fetch(`http://127.0.0.1:${service.port}/arrivals`, { method: "POST", headers, body });
  return { status: response.status, text: await response.text() };
}

const ask = async (changes: Partial<Question> = {}) => await post(JSON.stringify({ ...question, ...changes }));
const said = (arrived: string) => ({ status: 200, text: JSON.stringify({ arrived }) });
const CANNOT_SAY = { status: 503, text: "{}" };

describe("the answer", () => {
  test("is no, until the message is there", async () => {
    expect(await ask()).toEqual(said("no"));
    put(received(TRACE) + hop);
    expect(await ask()).toEqual(said("yes"));
    expect(await ask({ traces: [OTHER_TRACE] })).toEqual(said("no"));
    expect(await ask({ traces: [OTHER_TRACE, TRACE] })).toEqual(said("yes"));
  });

  test("is about the accounts of the addresses, by whichever address they are known", async () => {
    put(received(TRACE), `other@${DOMAIN}`);
    expect(await ask()).toEqual(said("no"));
    put(received(TRACE));
    expect(await ask({ addresses: [`postmaster+tag@${DOMAIN}`, `postmaster@${DOMAIN}`] })).toEqual(said("yes"));
  });

  test.each([
    ["further down, of a message that was sent on and came back", received(OTHER_TRACE) + hop + received(TRACE)],
    ["in another field", `X-Trace: id ${TRACE}\r\n${hop}`],
    ["in another clause", `Received: from ${TRACE} by b for ${TRACE} id 4cQ1; now\r\n`],
    ["behind the date", `Received: from a by b id 4cQ1; id ${TRACE}\r\n`],
  ])("does not count a trace %s", async (_, head) => {
    put(head);
    expect(await ask()).toEqual(said("no"));
  });

  test("counts a trace below the mail server's own field, and one that is folded", async () => {
    put(`Received: from traefik by stalwart with LMTP id 1f;\r\n\tnow\r\n${received(TRACE)}`);
    put(`Received: from x by y\r\n\tid <${OTHER_TRACE}>;\r\n\tnow\r\n`);
    expect(await ask()).toEqual(said("yes"));
    expect(await ask({ traces: [OTHER_TRACE] })).toEqual(said("yes"));
  });

  test("finds a message on a later page, and gives up where there is more than it looks at", async () => {
    for (let count = 0; count < 450; count++) put(hop);
    put(received(TRACE));
    expect(await ask()).toEqual(said("yes"));
    for (let count = 0; count < 1_600; count++) put(hop);
    expect(await ask({ traces: [OTHER_TRACE] })).toEqual(CANNOT_SAY);
    expect(await ask({ traces: [OTHER_TRACE], since: NOW - 3 * MINUTE_MS })).toEqual(said("no"));
  });

  test("is no only when the attempt is certainly over", async () => {
    expect(await ask({ since: NOW - MINUTE_MS })).toEqual(said("later"));
    put(received(TRACE), ROOT, NOW);
    expect(await ask({ since: NOW - MINUTE_MS })).toEqual(said("yes"));
  });

  test("is later while the queue has a message for the recipient, and no when that is somebody else's or older", async () => {
    store.enqueue({ returnPath: "", recipient: `other@${DOMAIN}` });
    const old = new Date(NOW - 60 * MINUTE_MS).toISOString();
    store.enqueue({ returnPath: "", recipient: ROOT, createdAt: old });
    expect(await ask()).toEqual(said("no"));
    store.enqueue({ returnPath: "", recipient: `Root@${DOMAIN}` });
    expect(await ask()).toEqual(said("later"));
    put(received(TRACE));
    expect(await ask()).toEqual(said("yes"));
  });

  test.each<[what: string, changes: Partial<Question>]>([
    ["nobody has the address", { addresses: [`nobody@${DOMAIN}`] }],
    ["the Worker's clock is behind", { askedAt: NOW - 6 * MINUTE_MS }],
    ["the Worker's clock is ahead", { askedAt: NOW + 6 * MINUTE_MS }],
  ])("is not given when %s", async (_, changes) => {
    put(received(TRACE));
    expect(await ask(changes)).toEqual(CANNOT_SAY);
  });

  test("is not given while the mail server is away, and is again when it is back", async () => {
    expect(await ask()).toEqual(said("no"));
    await mail.pause();
    expect(await ask()).toEqual(CANNOT_SAY);
    await mail.resume();
    put(received(TRACE));
    expect(await ask()).toEqual(said("yes"));
  });
});

describe("a stranger", () => {
  test.each(["", "Bearer", "Bearer x", `Bearer ${KEY.slice(0, -1)}`, `Bearer ${KEY}x`, `Basic ${KEY}`])(
    "with %j is told nothing",
    async (authorization) => {
      put(received(TRACE));
      expect(await post(JSON.stringify(question), authorization)).toEqual({ status: 401, text: "{}" });
      expect(await post("nonsense", authorization)).toEqual({ status: 401, text: "{}" });
    },
  );

  test("finds one path", async () => {
    for (const [method, path] of [
      ["GET", "/arrivals"],
      ["POST", "/arrivals/"],
      ["POST", "/"],
      ["POST", "/jmap"],
    ] as const) {
      const { status } = await fetch(`http://127.0.0.1:${service.port}${path}`, {
        method,
        headers: { authorization: `Bearer ${KEY}` },
      });
      expect(status).toBe(404);
    }
    expect((await fetch(`http://127.0.0.1:${service.port}/health`)).status).toBe(200);
  });

  test("cannot send what has no end", async () => {
    expect((await post(`{"x":"${"x".repeat(5_000)}"}`)).status).toBe(413);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const endless = request({
        port: service.port,
        path: "/arrivals",
        method: "POST",
        headers: { authorization: `Bearer ${KEY}` },
      });
      endless.on("error", reject).on("response", (response) => {
        resolve(response.statusCode);
        endless.destroy();
      });
      endless.write("x".repeat(5_000));
    });
    expect(status).toBe(413);
  });
});

test.each<[what: string, value: unknown]>([
  ["no JSON", "{"],
  ["a list", []],
  ["no address", { ...question, addresses: [] }],
  ["too many addresses", { ...question, addresses: Array.from({ length: 5 }, () => ROOT) }],
  ["an address in capitals", { ...question, addresses: [`Root@${DOMAIN}`] }],
  ["an address with a blank", { ...question, addresses: [`a b@${DOMAIN}`] }],
  ["no trace", { ...question, traces: [] }],
  ["an empty trace", { ...question, traces: [""] }],
  ["a trace that is too short", { ...question, traces: [TRACE.slice(1)] }],
  ["a trace that is a number", { ...question, traces: [1] }],
  ["a time that is text", { ...question, askedAt: "now" }],
  ["a time before the epoch", { ...question, since: -1 }],
  ["a time without end", { ...question, since: 1e300 }],
])("%s is not a question", async (_, value) => {
  const json = typeof value === "string" ? value : JSON.stringify(value);
  expect(parseQuestion(json)).toBeUndefined();
  expect(await post(json)).toEqual({ status: 400, text: "{}" });
});

test("no more than two questions at once", async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const busy = await startArrivals({
    port: 0,
    host: "127.0.0.1",
    keys: () => [KEY],
    ask: () => held.then(() => "no" as const),
  });
  const status = async () => {
    const body = JSON.stringify(question);
    const headers = { authorization: `Bearer ${KEY}` };
    return (await fetch(`http://127.0.0.1:${busy.port}/arrivals`, { method: "POST", headers, body })).status;
  };
  const first = [status(), status()];
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await status()).toBe(503);
  release();
  expect(await Promise.all(first)).toEqual([200, 200]);
  expect(await status()).toBe(200);
  await busy.close();
});

test("a trace is compared as a whole word", () => {
  expect(hasTrace([`by x id ${TRACE}0; now`], [TRACE])).toBe(false);
  expect(hasTrace([`by x ID ${TRACE}`], [TRACE])).toBe(true);
  expect(hasTrace([], [TRACE])).toBe(false);
});

test("keys: made once, secret, the newest first, and gone with the older numbers", () => {
  const folder = mkdtempSync(join(tmpdir(), "arrivals-"));
  try {
    const first = ensureArrivalsKey(folder, 1);
    expect(first).toMatch(/^ARR_[\w-]{43}$/);
    expect(ensureArrivalsKey(folder, 1)).toBe(first);
    expect(statSync(join(folder, "arrivals-1")).mode & 0o777).toBe(0o600);
    const second = ensureArrivalsKey(folder, 2);
    expect(arrivalsKeys(folder)).toEqual([second, first]);
    retireArrivalsKeys(folder, 2);
    expect(arrivalsKeys(folder)).toEqual([second]);
    expect(arrivalsKeys(join(folder, "none"))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
