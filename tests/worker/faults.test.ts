import { at, DOMAIN, INBOUND, json, PUBLIC, redirect, SECRETS, startHome, STEPS } from "./home";
import type { Fault, Home } from "./home";

const RAW = Buffer.from("From: a@remote.example\r\nSubject: fault\r\n\r\nbody\r\n");
const TO = `root@${DOMAIN}`;
/** One call's budget plus what a slow machine needs to notice. */
const HANGING_MS = 12_000;

let home: Home;

beforeAll(async () => {
  home = await startHome();
});

afterAll(() => home.close());

function stored(): number {
  return home.server.mailbox(TO).length;
}

/** The message stays with the sender: an exception, never a refusal, and nothing in the log that should not be there. */
async function expectDeferred(fault: Fault, error?: string): Promise<void> {
  await home.forget();
  const report = await home.deliver(TO, RAW, fault);
  expect(report.outcome).toBe("exception");
  expect(report.rejectReason).toBeUndefined();
  if (error !== undefined) expect(report.error).toBe(`TransientError: ${error}`);
  expect(report.logs.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(["deferred"]);
  for (const word of [TO, "remote.example", "fault", ...Object.values(SECRETS)])
    expect(JSON.stringify(report)).not.toContain(word);
}

/** Answers of a whole HTTP exchange that are wrong whatever was asked. */
const WRONG_ANSWERS: readonly (readonly [what: string, answer: () => Response | Promise<Response>])[] = [
  ...[400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504, 522, 530].map(
    (status) => [`status ${status}`, () => json({ type: "about:blank", status, detail: TO }, status)] as const,
  ),
  ["the limit of concurrent requests", () => json({ type: "urn:ietf:params:jmap:error:limit" }, 400)],
  ["204 without body", () => new Response(null, { status: 204 })],
  ["an HTML page", () => new Response(`<html>${TO}</html>`, { headers: { "content-type": "text/html" } })],
  ["an empty body", () => new Response("")],
  ["a JSON array", () => json([])],
  ["JSON null", () => json(null)],
  ["an unrelated JSON object", () => json({ hello: TO })],
  ["half a JSON text", () => new Response('{"methodResponses":[["Email/imp')],
  ["a redirect to a login page", () => redirect("https://team.cloudflareaccess.com/cdn-cgi/access/login/x?kid=1")],
  ["a redirect to the public name", () => redirect(`${PUBLIC}/jmap/session`)],
  ["a redirect to itself", () => redirect(`${INBOUND}/.well-known/jmap`)],
  ["a redirect without target", () => new Response("", { status: 302 })],
  ["a refused connection", () => Promise.reject(new Error("refused"))],
  ["an answer that breaks off", () => new Response(brokenOff())],
  ["an endless answer", () => new Response(endless())],
];

describe.each(STEPS)("%s", (step) => {
  test.each(WRONG_ANSWERS)("%s", async (_, answer) => {
    const before = stored();
    await expectDeferred(at(step, answer));
    expect(stored()).toBe(before);
    for (const url of home.requested) expect(new URL(url).origin).toBe(INBOUND);
  });
});

test("after every fault the same message is delivered by the sender's next attempt", async () => {
  const before = stored();
  expect(await home.deliver(TO, RAW)).toMatchObject({ outcome: "ok" });
  expect(stored()).toBe(before + 1);
});

describe("errors of JMAP", () => {
  const methodError = (type: string) => () =>
    json({
      methodResponses: ["0", "m", "i"].map((callId) => ["error", { type, description: TO }, callId]),
      sessionState: "n",
    });
  test.each(
    (["lookup", "inbox", "import"] as const).flatMap((step) =>
      [
        "serverUnavailable",
        "serverFail",
        "serverPartialFail",
        "forbidden",
        "accountNotFound",
        "unknownMethod",
        "invalidArguments",
      ].map((type) => [step, type] as const),
    ),
  )("%s answers %s", async (step, type) => {
    await expectDeferred(at(step, methodError(type)), `${step}: ${type}`);
  });

  test.each(["overQuota", "blobNotFound", "invalidProperties", "tooLarge", "forbidden", "rateLimit", "notFound"])(
    "the import is refused with %s",
    async (type) => {
      await expectDeferred(at("import", importAnswer({ notCreated: { message: { type } } })), `import: ${type}`);
    },
  );

  test("an error type that is no identifier stays out of the log", async () => {
    const answer = importAnswer({ notCreated: { message: { type: `full: ${TO}` } } });
    await expectDeferred(at("import", answer), "import: unnamed error");
  });

  test("an import that was neither done nor refused", async () => {
    await expectDeferred(at("import", importAnswer({})), "import: unnamed error");
    await expectDeferred(at("import", importAnswer({ created: {}, notCreated: null })), "import: unnamed error");
    await expectDeferred(at("import", importAnswer({ created: { other: { id: "e" } } })), "import: unnamed error");
  });

  test("a message that is already there is delivered", async () => {
    const answer = importAnswer({ created: null, notCreated: { message: { type: "alreadyExists", existingId: "e" } } });
    const report = await home.deliver(TO, RAW, at("import", answer));
    expect(report).toMatchObject({ outcome: "ok" });
    expect(report.rejectReason).toBeUndefined();
  });

  test("two accounts for one address", async () => {
    const answer = () => json({ methodResponses: [["Principal/query", { ids: ["c", "d"] }, "0"]] });
    await expectDeferred(at("lookup", answer), "lookup: more than one match");
  });

  test("a real quota", async () => {
    const report = await home.deliver(`tiny@${DOMAIN}`, RAW);
    expect(report).toMatchObject({ outcome: "exception", error: "TransientError: import: overQuota" });
    expect(report.rejectReason).toBeUndefined();
  });

  function importAnswer(result: object) {
    return () => json({ methodResponses: [["Email/import", { accountId: "c", ...result }, "i"]] });
  }
});

test("a server that stored another number of bytes has not stored the message", async () => {
  const answer = () => json({ accountId: "b", blobId: "e0", type: "message/rfc822", size: RAW.length - 1 });
  await expectDeferred(at("upload", answer), "upload: the server stored another number of bytes");
});

test("home that refuses connections, and comes back", async () => {
  const before = stored();
  await home.server.pause();
  await expectDeferred((_, pass) => pass(), "session: the connection failed");
  await home.server.resume();
  expect(await home.deliver(TO, RAW)).toMatchObject({ outcome: "ok" });
  expect(stored()).toBe(before + 1);
});

test(
  "an answer that never comes, and one that never ends",
  async () => {
    const never = () => new Promise<Response>(() => undefined);
    await expectDeferred(at("lookup", never), "lookup: no complete answer in time");
    const stuck = () => new Response(new ReadableStream({ start: (body) => body.enqueue(Buffer.from("{")) }));
    await expectDeferred(at("import", stuck), "import: no complete answer in time");
  },
  2 * HANGING_MS,
);

function brokenOff(): ReadableStream<Uint8Array> {
  let sent = false;
  return new ReadableStream({
    pull(body) {
      if (sent) body.error(new Error("gone"));
      else body.enqueue(Buffer.from('{"methodResponses":'));
      sent = true;
    },
  });
}

function endless(): ReadableStream<Uint8Array> {
  const chunk = Buffer.alloc(64 * 1024, " ");
  return new ReadableStream({ pull: (body) => body.enqueue(chunk) });
}
