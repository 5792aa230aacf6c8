import { createMailbox } from "../../worker/src/jmap";
import { BUDGETS } from "../../worker/src/http";
import type { Fetch } from "../../worker/src/http";
import { parseSession } from "../../worker/src/session";
import { INBOUND, json, PUBLIC } from "./home";

const CONNECTION = {
  jmapUrl: new URL(INBOUND),
  accessClientId: "id",
  accessClientSecret: "secret",
  jmapToken: "token",
};
const MESSAGE = new TextEncoder().encode("Subject: x\r\n\r\n").buffer;
const BUDGET_MS = 50;
/** Email Routing has been seen to give up after 30 s, and to call that permanent after 50 s. */
const EDGE_PATIENCE_MS = 20_000;

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
  const mailbox = createMailbox(CONNECTION, {
    fetch: answering(asked),
    now: () => new Date("2026-01-02T03:04:05.678Z"),
  });
  const account = await mailbox.find(["other+x@example.org", "other@example.org", "root@example.org"]);
  expect(account).toEqual({ id: "x/y" });
  expect(await mailbox.find(["nobody@example.org"])).toBeUndefined();
  if (account === undefined) return;
  expect(await mailbox.import(await mailbox.upload(MESSAGE, account), account)).toBe("imported");
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
    expect(BUDGETS.totalMs).toBeLessThan(EDGE_PATIENCE_MS);
    expect(Math.max(BUDGETS.callMs, BUDGETS.uploadMs)).toBeLessThan(BUDGETS.totalMs);
  });

  test("one call has a budget", async () => {
    const mailbox = createMailbox(CONNECTION, { fetch: hanging, budgets: { ...BUDGETS, callMs: BUDGET_MS } });
    await expect(mailbox.find(["a@example.org"])).rejects.toThrow(/^session: no complete answer in time$/);
  });

  test("the upload has its own", async () => {
    const budgets = { ...BUDGETS, uploadMs: BUDGET_MS };
    const mailbox = createMailbox(CONNECTION, { fetch: hangingAt("/upload/"), budgets });
    await expect(mailbox.upload(MESSAGE, { id: "x/y" })).rejects.toThrow(/^upload: no complete answer in time$/);
  });

  test("all calls together have one, which ends a call before its own budget does", async () => {
    const budgets = { ...BUDGETS, totalMs: BUDGET_MS };
    const mailbox = createMailbox(CONNECTION, { fetch: hangingAt("/jmap/"), budgets });
    const started = Date.now();
    await expect(mailbox.import({ blobId: "B" }, { id: "x/y" })).rejects.toThrow(/^inbox: no complete answer in time$/);
    expect(Date.now() - started).toBeLessThan(budgets.callMs / 2);
  });

  function hangingAt(part: string): Fetch {
    const answer = answering([]);
    return (url, init) => (url.pathname.includes(part) ? hanging(url, init) : answer(url, init));
  }
});

function answering(asked: string[]): Fetch {
  return (url, { method = "GET", body }) => {
    const sent = body instanceof ArrayBuffer ? String(body.byteLength) : typeof body === "string" ? body : "";
    asked.push(`${method} ${url.pathname} ${sent}`);
    if (method === "GET") return Promise.resolve(json(session));
    if (body instanceof ArrayBuffer) return Promise.resolve(json({ blobId: "B", size: body.byteLength }, 201));
    const inbox = ["Mailbox/query", { ids: ["I"] }, "m"];
    const imported = ["Email/import", { created: { message: { id: "E" } } }, "i"];
    return Promise.resolve(json({ methodResponses: [sent.includes("Mailbox/query") ? inbox : imported] }));
  };
}
