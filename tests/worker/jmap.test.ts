import { BUDGETS, CLAIM_MS, DRAIN_BUDGETS, EVENT_MS, LONGEST_EVENT_MS } from "../../worker/src/budgets";
import { createCache } from "../../worker/src/cache";
import { createHome } from "../../worker/src/jmap";
import type { Fetch } from "../../worker/src/http";
import { parseSession } from "../../worker/src/session";
import { INBOUND, json, PUBLIC } from "./home";

const CONNECTION = {
  jmapUrl: new URL(INBOUND),
  accessClientId: "id",
  accessClientSecret: "secret",
  jmapToken: "token",
  catchAll: undefined,
};
const MESSAGE = new TextEncoder().encode("Subject: x\r\n\r\n");
const NEEDED = new AbortController().signal;
const RECEIVED_AT = Date.parse("2026-01-02T03:04:05.678Z");
const BUDGET_MS = 50;

const session = {
  capabilities: { "urn:ietf:params:jmap:core": {}, "urn:ietf:params:jmap:mail": {} },
  accounts: { "root@example.org": { name: "Root@example.org" }, "x/y": { name: "other@example.org" } },
  primaryAccounts: { "urn:ietf:params:jmap:mail": "root@example.org" },
  apiUrl: "/jmap/",
  uploadUrl: "/jmap/upload/{accountId}/",
};

describe("the session's URLs keep the origin of the protected name", () => {
  test.each([
    ["relative", "/jmap/", "/jmap/upload/{accountId}/"],
    ["of the public name", `${PUBLIC}/jmap/`, `${PUBLIC}/jmap/upload/{accountId}/`],
    ["of another port and scheme", "http://10.0.0.1:8080/jmap/", "http://10.0.0.1:8080/jmap/upload/{accountId}/"],
    ["without scheme", "//evil.example/jmap/", "//evil.example/jmap/upload/{accountId}/"],
  ])("%s", (_, apiUrl, uploadUrl) => {
    const parsed = parseSession({ ...session, apiUrl, uploadUrl }, new URL(INBOUND));
    expect(parsed.apiUrl.href).toBe(`${INBOUND}/jmap/`);
    expect(parsed.uploadUrl("x/y").href).toBe(`${INBOUND}/jmap/upload/x%2Fy/`);
  });

  test("a path that looks like a host, and a query", () => {
    const apiUrl = `${PUBLIC}//evil.example/jmap?a=b`;
    expect(parseSession({ ...session, apiUrl }, new URL(INBOUND)).apiUrl.href).toBe(
      `${INBOUND}//evil.example/jmap?a=b`,
    );
  });
});

test.each([
  ["without accounts, as strangers get it", { ...session, accounts: {} }],
  ["without URLs", { ...session, apiUrl: undefined }],
  ["with an unusable URL", { ...session, apiUrl: "https://[" }],
  ["without capabilities", { ...session, capabilities: undefined }],
])("a session %s is an error", (_, given) => {
  expect(() => parseSession(given, new URL(INBOUND))).toThrow(/^session: /);
});

test("a server without principals: the account is the one whose name is the address, and blobs are its own", async () => {
  const asked: string[] = [];
  const home = createHome(CONNECTION, { fetch: answering(asked) });
  const accountId = await home.find(["other+x@example.org", "other@example.org", "root@example.org"]);
  expect(accountId).toBe("x/y");
  expect(await home.find(["nobody@example.org"])).toBeUndefined();
  if (accountId === undefined) return;
  const blobId = await home.upload(MESSAGE, Promise.resolve(accountId), NEEDED);
  const mailboxId = await home.inbox(accountId);
  expect(await home.import({ accountId, mailboxId, blobId, receivedAt: RECEIVED_AT })).toBe("imported");
  expect(home.requests()).toBe(4);
  const using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
  const email = { blobId: "B", mailboxIds: { I: true }, keywords: {}, receivedAt: "2026-01-02T03:04:05Z" };
  expect(asked).toEqual([
    "GET /.well-known/jmap ",
    "POST /jmap/upload/x%2Fy/ 14",
    `POST /jmap/ ${JSON.stringify({ using, methodCalls: [["Mailbox/query", { accountId: "x/y", filter: { role: "inbox" } }, "m"]] })}`,
    `POST /jmap/ ${JSON.stringify({ using, methodCalls: [["Email/import", { accountId: "x/y", emails: { message: email } }, "i"]] })}`,
  ]);
});

describe("time", () => {
  const hanging: Fetch = (_, { signal }) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new Error(`aborted, with ${CONNECTION.jmapToken}`)));
    });

  test("all budgets together are over before Email Routing gives up", () => {
    expect(LONGEST_EVENT_MS).toBeLessThan(EVENT_MS);
    expect(Math.max(BUDGETS.callMs, BUDGETS.uploadMs)).toBeLessThan(BUDGETS.totalMs);
  });

  test("nobody imports with a claim that is over", () => {
    expect(Math.max(BUDGETS.totalMs, DRAIN_BUDGETS.totalMs)).toBeLessThan(CLAIM_MS);
  });

  test("one call has a budget", async () => {
    const home = createHome(CONNECTION, { fetch: hanging, budgets: { ...BUDGETS, callMs: BUDGET_MS } });
    await expect(home.find(["a@example.org"])).rejects.toThrow(/^session: no complete answer in time$/);
  });

  test("the upload has its own", async () => {
    const budgets = { ...BUDGETS, uploadMs: BUDGET_MS };
    const home = createHome(CONNECTION, { fetch: hangingAt("/upload/"), budgets });
    await expect(home.upload(MESSAGE, Promise.resolve("x/y"), NEEDED)).rejects.toThrow(
      /^upload: no complete answer in time$/,
    );
  });

  test("all calls together have one, which ends a call before its own budget does", async () => {
    const budgets = { ...BUDGETS, totalMs: BUDGET_MS };
    const home = createHome(CONNECTION, { fetch: hangingAt("/jmap/"), budgets });
    const started = Date.now();
    await expect(home.inbox("x/y")).rejects.toThrow(/^inbox: no complete answer in time$/);
    // What was never sent has certainly not happened.
    const order = { accountId: "x/y", mailboxId: "I", blobId: "B", receivedAt: RECEIVED_AT };
    await expect(home.import(order)).rejects.toMatchObject({ message: "import: no time left", uncertain: false });
    expect(Date.now() - started).toBeLessThan(budgets.callMs / 2);
  });

  function hangingAt(part: string): Fetch {
    const answer = answering([]);
    return (url, init) => (url.pathname.includes(part) ? hanging(url, init) : answer(url, init));
  }
});

describe("what is remembered", () => {
  const LIFE_MS = 11 * 60_000;

  test("a known recipient costs no request, until it is forgotten or old", async () => {
    let now = 0;
    const cache = createCache(() => now);
    const asked: string[] = [];
    const home = () => createHome(CONNECTION, { fetch: answering(asked), cache });
    const find = async () => [await home().find(["root@example.org"]), await home().inbox("root@example.org")];
    expect(await find()).toEqual(["root@example.org", "I"]);
    expect(asked.length).toBe(2);
    await find();
    expect(asked.length).toBe(2);
    const last = home();
    await last.find(["root@example.org"]);
    expect([last.forget(["root@example.org"]), last.forget(["root@example.org"])]).toEqual([true, false]);
    await find();
    expect(asked.length).toBe(4);
    now += LIFE_MS;
    await find();
    expect(asked.length).toBe(6);
  });

  test("an unknown recipient is asked for again, and so is one whom only the catch-all takes", async () => {
    const known = new Map<string, string>([["all@example.org", "c"]]);
    const fetch = principals(known);
    const cache = createCache(() => 0);
    const find = (catchAll?: string) =>
      createHome({ ...CONNECTION, catchAll }, { fetch, cache }).find(
        ["new@example.org", catchAll].filter((address) => address !== undefined),
      );
    expect(await find()).toBeUndefined();
    expect(await find("all@example.org")).toBe("c");
    known.set("new@example.org", "d");
    expect(await find("all@example.org")).toBe("d");
    expect(await find()).toBe("d");
  });

  test("is bounded", () => {
    const { accounts } = createCache(() => 0);
    for (let count = 0; count <= 1_000; count++) accounts.set(String(count), "c");
    expect([accounts.get("0"), accounts.get("1"), accounts.get("1000")]).toEqual([undefined, "c", "c"]);
  });

  function principals(known: ReadonlyMap<string, string>): Fetch {
    const capabilities = { ...session.capabilities, "urn:ietf:params:jmap:principals": {} };
    return (_, { method, body }) => {
      if (method === "GET") return Promise.resolve(json({ ...session, capabilities }));
      const { methodCalls } = JSON.parse(body as string) as {
        methodCalls: [string, { filter: { email: string } }, string][];
      };
      const ids = ({ filter }: { filter: { email: string } }) =>
        [known.get(filter.email)].filter((id) => id !== undefined);
      return Promise.resolve(
        json({ methodResponses: methodCalls.map(([name, args, id]) => [name, { ids: ids(args) }, id]) }),
      );
    };
  }
});

function answering(asked: string[]): Fetch {
  return (url, { method = "GET", body }) => {
    const sent = body instanceof Uint8Array ? String(body.byteLength) : typeof body === "string" ? body : "";
    asked.push(`${method} ${url.pathname} ${sent}`);
    if (method === "GET") return Promise.resolve(json(session));
    if (body instanceof Uint8Array) return Promise.resolve(json({ blobId: "B", size: body.byteLength }, 201));
    const inbox = ["Mailbox/query", { ids: ["I"] }, "m"];
    const imported = ["Email/import", { created: { message: { id: "E" } } }, "i"];
    return Promise.resolve(json({ methodResponses: [sent.includes("Mailbox/query") ? inbox : imported] }));
  };
}
