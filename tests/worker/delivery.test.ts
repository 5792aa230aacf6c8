import { bundleWorker } from "../../infra/edge/bundle";
import type { Envelope } from "../../sandbox/edge/worker-runtime";
import { runEmailWorker } from "../../sandbox/edge/worker-runtime";
import { bindings, DOMAIN, INBOUND, json, SECRETS, startHome } from "./home";
import type { Fault, Home } from "./home";

const MIB = 1024 * 1024;
const SIMPLE = Buffer.from("From: a@remote.example\r\nSubject: hello\r\n\r\nbody\r\n");

/** Whether that is what is in the mailbox: the message byte for byte behind the fields of final delivery. */
function isDelivered(stored: Buffer | undefined, raw: Buffer, to = `root@${DOMAIN}`, from = "sender@remote.example") {
  const front = stored?.subarray(0, stored.length - raw.length).toString() ?? "";
  const received = /^Received: by example\.org with HTTP id [0-9a-f]{32}; [A-Z][a-z]{2}, [^\r\n]{20,21} \+0000\r\n$/;
  const envelope = `Return-Path: <${from}>\r\nDelivered-To: ${to}\r\nX-Original-To: ${to}\r\n`;
  return (
    stored?.subarray(-raw.length || stored.length).equals(raw) === true &&
    front.startsWith(envelope) &&
    received.test(front.slice(envelope.length))
  );
}

let home: Home;
let catching: Home;

beforeAll(async () => {
  home = await startHome();
  catching = await startHome(bindings({ CATCH_ALL: `root@${DOMAIN}` }));
});

afterAll(async () => {
  await home.close();
  await catching.close();
});

describe("byte for byte", () => {
  const head = "From: a@remote.example\r\nSubject: =?x\r\n\r\n";
  test.each<[what: string, raw: Buffer]>([
    ["8-bit UTF-8", Buffer.from(`From: ä@remote.example\r\nSubject: Grüße €\r\n\r\n日本語\r\n`)],
    ["latin1 and 0xff", Buffer.from(`${head}\xe4\xff\xfe\r\n`, "latin1")],
    ["NUL", Buffer.from(`${head}a\0b\0\r\n`)],
    ["bare LF", Buffer.from("From: a@remote.example\nSubject: x\n\nbody\nline\n")],
    ["bare CR", Buffer.from(`${head}a\rb\r`)],
    ["an empty body", Buffer.from(head)],
    ["no blank line after the head", Buffer.from("Subject: only a head\r\n")],
    ["no final CRLF", Buffer.from(`${head}last`)],
    ["lines of dots", Buffer.from(`${head}.\r\n..\r\n.x\r\n.\r\n`)],
    ["a leading mbox From", Buffer.from(`From a@remote.example Thu Jan  1 00:00:00 2026\r\n${head}From here\r\n`)],
    ["no From and no Date", Buffer.from("Subject: x\r\n\r\nbody\r\n")],
    ["a bounce with Return-Path", Buffer.from(`Return-Path: <>\r\n${head}failed\r\n`)],
    ["a byte order mark in the body", Buffer.from(`${head}\ufeffbody\r\n`)],
    ["a line of 100 kB", Buffer.from(`${head}${"x".repeat(100_000)}\r\n`)],
    ["24 MiB", Buffer.concat([Buffer.from(head), Buffer.alloc(24 * MIB, "0123456789\xff\0\r\n", "latin1")])],
  ])("%s", async (_, raw) => {
    const before = home.server.mailbox(`root@${DOMAIN}`).length;
    const report = await home.deliver(`root@${DOMAIN}`, raw);
    expect(report).toMatchObject({ outcome: "ok" });
    expect(report.rejectReason).toBeUndefined();
    const messages = home.server.mailbox(`root@${DOMAIN}`);
    expect(messages.length).toBe(before + 1);
    expect(isDelivered(messages.at(-1)?.raw, raw)).toBe(true);
  });
});

describe("recipients", () => {
  test.each(["root", "ROOT", "postmaster", "root+list", "Postmaster+A+b"])("%s", async (localPart) => {
    const before = home.server.mailbox(`root@${DOMAIN}`).length;
    expect((await home.deliver(`${localPart}@${DOMAIN}`, SIMPLE)).rejectReason).toBeUndefined();
    expect(home.server.mailbox(`root@${DOMAIN}`).length).toBe(before + 1);
  });

  test("an unknown one is refused for good", async () => {
    const report = await home.deliver(`nobody@${DOMAIN}`, SIMPLE);
    expect(report).toMatchObject({ outcome: "ok", rejectReason: expect.stringMatching(/^550 5\.1\.1 /) as string });
  });

  test("an unknown one goes to the catch-all", async () => {
    const report = await catching.deliver(`Nobody+x@${DOMAIN}`, SIMPLE);
    expect(report).toMatchObject({ outcome: "ok" });
    expect(report.rejectReason).toBeUndefined();
    const stored = catching.server.mailbox(`root@${DOMAIN}`).at(-1)?.raw;
    expect(isDelivered(stored, SIMPLE, `Nobody+x@${DOMAIN}`)).toBe(true);
  });

  test("the Worker's own account is none, whatever its address: refused, or the catch-all's", async () => {
    const own = `cf-mail-worker@${DOMAIN}`;
    for (const to of [own, own.toUpperCase(), own.replace("@", "+tag@")])
      expect((await home.deliver(to, SIMPLE)).rejectReason).toMatch(/^550 5\.1\.1 /);
    expect((await catching.deliver(own, SIMPLE)).rejectReason).toBeUndefined();
    expect(isDelivered(catching.server.mailbox(`root@${DOMAIN}`).at(-1)?.raw, SIMPLE, own)).toBe(true);
    for (const { server } of [home, catching]) expect(server.mailbox(own)).toEqual([]);
  });

  test("one of another domain is refused without asking home", async () => {
    const report = await catching.deliver("root@example.net", SIMPLE);
    expect(report.rejectReason).toMatch(/^550 5\.1\.2 /);
    expect(catching.requested).toEqual([]);
  });
});

test("the null reverse-path is a sender like any other", async () => {
  const before = home.server.mailbox(`root@${DOMAIN}`).length;
  const report = await home.deliver(`root@${DOMAIN}`, SIMPLE, undefined, "");
  expect(report).toMatchObject({ outcome: "ok" });
  const messages = home.server.mailbox(`root@${DOMAIN}`);
  expect(messages.length).toBe(before + 1);
  expect(isDelivered(messages.at(-1)?.raw, SIMPLE, undefined, "")).toBe(true);
});

test("what has no header field of its own is delivered behind those of the envelope", async () => {
  for (const raw of [Buffer.from("no header\r\n"), Buffer.from("\r\nonly a body\r\n"), Buffer.alloc(0)]) {
    expect((await home.deliver(`root@${DOMAIN}`, raw)).rejectReason).toBeUndefined();
    expect(isDelivered(home.server.mailbox(`root@${DOMAIN}`).at(-1)?.raw, raw)).toBe(true);
  }
});

test("what home calls no message is refused for good", async () => {
  const invalid = { methodResponses: [["Email/import", { notCreated: { message: { type: "invalidEmail" } } }, "i"]] };
  const fault: Fault = async (step, pass) => (step === "import" ? json(invalid) : await pass());
  expect((await home.deliver(`root@${DOMAIN}`, SIMPLE, fault)).rejectReason).toMatch(/^554 5\.6\.0 /);
});

test("a message of a warm isolate costs two requests, of a cold one as many as there are questions", async () => {
  const paths = () => catching.requested.map((url) => new URL(url).pathname);
  await catching.forget();
  await catching.deliver(`root@${DOMAIN}`, SIMPLE);
  expect(paths().sort()).toEqual([
    "/.well-known/jmap",
    "/jmap/",
    "/jmap/",
    "/jmap/",
    "/jmap/session",
    "/jmap/upload/b/",
  ]);
  const { logs } = await catching.deliver(`root@${DOMAIN}`, SIMPLE);
  expect(paths()).toEqual(["/jmap/upload/b/", "/jmap/"]);
  expect(JSON.parse(logs[0] ?? "")).toMatchObject({ requests: 2 });
});

test("a message over 25 MiB is refused without asking home", async () => {
  const report = await home.deliver(`root@${DOMAIN}`, Buffer.alloc(25 * MIB + 1, "a"));
  expect(report.rejectReason).toMatch(/^552 5\.3\.4 /);
  expect(home.requested).toEqual([]);
});

test("the message is unread in the Inbox and received now", async () => {
  await home.deliver(`root@${DOMAIN}`, SIMPLE);
  const message = home.server.mailbox(`root@${DOMAIN}`).at(-1);
  expect([message?.mailboxId, message?.keywords]).toEqual(["a", {}]);
  expect(message?.receivedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(Math.abs(Date.now() - Date.parse(message?.receivedAt ?? ""))).toBeLessThan(10_000);
});

test("every request goes to the protected hostname, although the session names the public one", async () => {
  await home.deliver(`root@${DOMAIN}`, SIMPLE);
  expect(home.requested.length).toBeGreaterThan(0);
  for (const url of home.requested) expect(new URL(url).origin).toBe(INBOUND);
});

test("uploads do not use up the recipient's own upload quota", async () => {
  await home.deliver(`root@${DOMAIN}`, SIMPLE);
  // "b" is the first account, the service's; the user's would be in the path otherwise.
  expect(home.requested.filter((url) => url.includes("/upload/"))).toEqual([`${INBOUND}/jmap/upload/b/`]);
});

test("logs are JSON lines without addresses, content and secrets", async () => {
  const raw = Buffer.from("Subject: private\r\n\r\nconfidential\r\n");
  const reports = [
    await home.deliver(`root+hush@${DOMAIN}`, raw),
    await home.deliver(`nobody@${DOMAIN}`, raw),
    await home.deliver(`tiny@${DOMAIN}`, raw),
  ];
  const lines = reports.flatMap(({ logs }) => logs);
  expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual([
    "delivered",
    "refused",
    "deferred",
  ]);
  const everything = JSON.stringify(reports);
  for (const word of ["root", "nobody", "tiny", "hush", "remote.example", "private", "confidential"])
    expect(everything).not.toContain(word);
  for (const secret of Object.values(SECRETS)) expect(everything).not.toContain(secret);
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    event: "delivered",
    ledger: "unwritten",
    key: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
    bytes: raw.length,
    durationMs: expect.any(Number) as number,
    steps: expect.objectContaining({ upload: expect.any(Number) as number }) as object,
    requests: expect.any(Number) as number,
  });
});

describe("a wrong deployment leaves the mail with the sender", () => {
  test.each<[what: string, change: Readonly<Record<string, string | undefined>>, error: string]>([
    ["no URL", { JMAP_URL: undefined }, "binding JMAP_URL is missing"],
    ["plain http", { JMAP_URL: `http://inbound.${DOMAIN}` }, "binding JMAP_URL is not an https URL"],
    ["no key", { JMAP_TOKEN: undefined }, "binding JMAP_TOKEN is missing"],
    ["no token id", { ACCESS_CLIENT_ID: "" }, "binding ACCESS_CLIENT_ID is empty"],
    ["no token secret", { ACCESS_CLIENT_SECRET: undefined }, "binding ACCESS_CLIENT_SECRET is missing"],
    ["no domain", { MAIL_DOMAIN: "" }, "binding MAIL_DOMAIN is empty"],
    ["an undeclared catch-all", { CATCH_ALL: undefined }, "binding CATCH_ALL is missing"],
    ["a catch-all without account", { CATCH_ALL: `gone@${DOMAIN}` }, "the catch-all address has no account"],
    [
      "the Worker's account as catch-all",
      { CATCH_ALL: `cf-mail-worker@${DOMAIN}` },
      "the catch-all address has no account",
    ],
    ["a wrong key", { JMAP_TOKEN: "API_other" }, "session: status 401"],
    ["a token id that Access does not know", { ACCESS_CLIENT_ID: "x" }, "session: redirected to another origin"],
    ["a wrong token secret", { ACCESS_CLIENT_SECRET: "x" }, "session: status 403"],
  ])("%s", async (_, change, error) => {
    const wrong = await startHome(bindings(change));
    try {
      const report = await wrong.deliver(`nobody@${DOMAIN}`, SIMPLE);
      expect(report).toMatchObject({ outcome: "exception", error: `TransientError: ${error}` });
      expect(report.rejectReason).toBeUndefined();
    } finally {
      await wrong.close();
    }
  });
});

test("an error that nobody foresaw leaves the mail with the sender, and its text in the Worker", async () => {
  const raw = `new ReadableStream({ start: (stream) => stream.error(new RangeError("of root@${DOMAIN}")) })`;
  const broken = `(message, env) => $1.email({ ...message, raw: ${raw} }, env)`;
  const script = bundleWorker("inbound").replace(
    /export \{\s*(\w+) as default\s*\};/,
    `export default { email: ${broken} };`,
  );
  const wrapped = await startHome(bindings(), { script });
  try {
    const report = await wrapped.deliver(`root@${DOMAIN}`, SIMPLE);
    expect(report).toMatchObject({ outcome: "exception", error: "TransientError: unexpected RangeError" });
    expect(report.logs.length).toBe(1);
    expect(JSON.stringify(report)).not.toContain("root@");
  } finally {
    await wrapped.close();
  }
});

test("a script without email handler is an exception", async () => {
  const worker = runEmailWorker({
    script: "export default {};",
    bindings: [],
    compatibilityDate: "2026-07-01",
    outbound: () => Promise.reject(new Error("nothing is out there")),
  });
  const envelope: Envelope = { from: "", to: `root@${DOMAIN}`, raw: SIMPLE };
  try {
    expect(await worker.email(envelope)).toMatchObject({
      outcome: "exception",
      error: "Error: the uploaded script has no email handler",
    });
  } finally {
    await worker.dispose();
  }
});
