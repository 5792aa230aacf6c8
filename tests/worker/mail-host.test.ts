import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { IMPORTER_PERMISSIONS } from "../../sandbox/host/accounts";
import type { Permission } from "../../sandbox/host/accounts";
import { createJmapServer } from "../../sandbox/host/jmap-server";
import type { JmapServer } from "../../sandbox/host/jmap-server";

/** What is asserted here was measured on Stalwart 0.16.18, unless it says otherwise. */
const DOMAIN = "example.org";
const USING = ["core", "mail", "principals"].map((name) => `urn:ietf:params:jmap:${name}`);
const KEY = "Bearer API_key";
const ROOT = `Basic ${Buffer.from(`root@${DOMAIN}:pw`).toString("base64")}`;
const RAW = Buffer.from("Subject: x\n\n\0body");

let server: JmapServer;
let mailFolder: string;

beforeEach(async () => {
  mailFolder = mkdtempSync(path.join(tmpdir(), "mail-host-"));
  server = await start(IMPORTER_PERMISSIONS);
});

afterEach(async () => {
  await server.close();
  rmSync(mailFolder, { recursive: true });
});

describe("HTTP", () => {
  test("the well-known name redirects to the session, which names the public URL", async () => {
    const redirected = await get("/.well-known/jmap");
    expect([redirected.status, redirected.headers.get("location")]).toEqual([307, "/jmap/session"]);
    const session = await get("/jmap/session", KEY);
    expect(await session.json()).toMatchObject({
      apiUrl: "https://mail.example.org/jmap/",
      uploadUrl: "https://mail.example.org/jmap/upload/{accountId}/",
      primaryAccounts: { "urn:ietf:params:jmap:mail": "b" },
    });
  });

  test("a stranger gets the capabilities only", async () => {
    const session = await get("/jmap/session");
    expect(session.status).toBe(200);
    expect(await session.json()).toMatchObject({ accounts: {}, primaryAccounts: {}, username: "" });
  });

  test.each([
    ["a wrong key", "Bearer API_other"],
    ["the key as password", `Basic ${Buffer.from("root@example.org:API_key").toString("base64")}`],
    ["a wrong password", `Basic ${Buffer.from("root@example.org:no").toString("base64")}`],
    ["the service account without password", `Basic ${Buffer.from("cf-mail-worker@example.org:").toString("base64")}`],
    ["nonsense", "x"],
  ])("%s is 401", async (_, authorization) => {
    expect((await get("/jmap/session", authorization)).status).toBe(401);
    expect((await post("/jmap", request([]), authorization)).status).toBe(401);
    expect((await post("/jmap/upload/b/", RAW, authorization)).status).toBe(401);
  });

  test("a key without authenticate is 403", async () => {
    await server.close();
    server = await start(["impersonate"]);
    expect((await get("/jmap/session", KEY)).status).toBe(403);
  });

  test.each<[what: string, body: string, contentType: string, type: string]>([
    ["another content type", "{}", "text/plain", "notJSON"],
    ["no JSON", "{", "application/json", "notRequest"],
    ["no request", "{}", "application/json", "notRequest"],
    [
      "17 calls",
      JSON.stringify({ using: USING, methodCalls: Array.from({ length: 17 }, () => ["Core/echo", {}, "0"]) }),
      "application/json",
      "limit",
    ],
    ["10 MB", `"${"x".repeat(10_000_000)}"`, "application/json", "limit"],
  ])("%s is 400", async (_, body, contentType, type) => {
    const answer = await post("/jmap", body, KEY, contentType);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ type: `urn:ietf:params:jmap:error:${type}` });
  });

  test("an unknown path gets a slash, then 404", async () => {
    expect((await get("/nowhere")).headers.get("location")).toBe("/nowhere/");
    expect((await get("/nowhere/")).status).toBe(404);
  });
});

test.each([
  ["root@example.org", ["c"]],
  ["postmaster@example.org", ["c"]],
  ["cf-mail-worker@example.org", ["b"]],
  ["ROOT@example.org", []],
  ["root+tag@example.org", []],
  ["nobody@example.org", []],
  ["root@example.org.", []],
])("Principal/query %s", async (email, ids) => {
  expect(await call("Principal/query", { filter: { email } })).toMatchObject(["Principal/query", { ids }, "0"]);
});

describe("import", () => {
  test("keeps the bytes, twice if asked twice, and writes them to the folder", async () => {
    const blobId = await upload(RAW);
    expect(await upload(RAW)).toBe(blobId);
    for (let count = 0; count < 2; count++)
      expect(await importMail({ blobId })).toMatchObject([
        "Email/import",
        { created: { e: { size: RAW.length } } },
        "0",
      ]);
    expect(server.mailbox("postmaster@example.org").map(({ raw }) => raw)).toEqual([RAW, RAW]);
    for (const file of ["0001.eml", "0002.eml"])
      expect(readFileSync(path.join(mailFolder, "root@example.org", "Inbox", file))).toEqual(RAW);
  });

  test("a person sees the message, its bytes too", async () => {
    await importMail({ blobId: await upload(RAW) });
    const [, query] = await call("Email/query", { accountId: "c", filter: { inMailbox: "a" } }, ROOT);
    const [, got] = await call("Email/get", { accountId: "c", ids: query["ids"] }, ROOT);
    expect(got).toMatchObject({ list: [{ subject: "x", size: RAW.length, keywords: {} }] });
    const [{ blobId = "" } = {}] = got["list"] as { blobId?: string }[];
    const download = await get(`/jmap/download/c/${blobId}/mail.eml`, ROOT);
    expect(Buffer.from(await download.arrayBuffer())).toEqual(RAW);
  });

  test.each([["no header\r\n"], ["X-Only: this\r\n\r\nbody"], [""]])("%j is no message", async (text) => {
    const blobId = await upload(Buffer.from(text));
    expect(await importMail({ blobId })).toMatchObject([
      "Email/import",
      { notCreated: { e: { type: "invalidEmail" } } },
      "0",
    ]);
  });

  test.each<[change: object, type: string]>([
    [{ blobId: `e${"0".repeat(64)}` }, "blobNotFound"],
    [{ blobId: "#b" }, "invalidProperties"],
    [{ mailboxIds: { zz: true } }, "invalidProperties"],
  ])("%j is %s", async (change, type) => {
    expect(await importMail({ blobId: await upload(RAW), ...change })).toMatchObject([
      "Email/import",
      { notCreated: { e: { type } } },
      "0",
    ]);
  });

  test("a full account", async () => {
    expect(await importMail({ blobId: await upload(RAW) }, "d")).toMatchObject([
      "Email/import",
      { notCreated: { e: { type: "overQuota" } } },
      "0",
    ]);
  });
});

describe("method errors", () => {
  test.each<[what: string, name: string, args: object, authorization: string, type: string]>([
    ["an unknown account", "Mailbox/query", { accountId: "zz" }, KEY, "serverUnavailable"],
    ["no account", "Mailbox/query", {}, KEY, "invalidArguments"],
    ["an account id of another form", "Mailbox/query", { accountId: "root@example.org" }, KEY, "accountNotFound"],
    ["a method the key may not use", "Email/get", { accountId: "c" }, KEY, "forbidden"],
    ["another person's account", "Email/query", { accountId: "d" }, ROOT, "forbidden"],
    ["a method nobody knows", "Email/eat", { accountId: "c" }, KEY, "unknownMethod"],
  ])("%s", async (_, name, args, authorization, type) => {
    expect(await call(name, args, authorization)).toMatchObject(["error", { type }, "0"]);
  });

  test("a capability that is not in use", async () => {
    expect(await call("Mailbox/query", { accountId: "c" }, KEY, USING.slice(0, 1))).toMatchObject([
      "error",
      { type: "unknownMethod" },
      "0",
    ]);
  });

  test.each(IMPORTER_PERMISSIONS.filter((name) => name !== "authenticate" && name !== "unlimitedUploads"))(
    "without %s nothing can be delivered",
    async (missing) => {
      await server.close();
      server = await start(IMPORTER_PERMISSIONS.filter((permission) => permission !== missing));
      const answers = [
        await call("Principal/query", { filter: { email: "root@example.org" } }),
        await call("Mailbox/query", { accountId: "c", filter: { role: "inbox" } }),
        await importMail({ blobId: await upload(RAW) }),
      ];
      expect(answers).toContainEqual(["error", expect.objectContaining({ type: "forbidden" }), "0"]);
    },
  );
});

test("uploads use up the quota of the account in the URL, which only the importer does not feel", async () => {
  const big = Buffer.alloc(30_000_000);
  for (let count = 0; count < 2; count++) expect((await post("/jmap/upload/c/", big, KEY)).status).toBe(200);
  expect((await post("/jmap/upload/c/", RAW, ROOT)).status).toBe(429);
});

test("a paused host refuses connections and keeps its mail and its port", async () => {
  await importMail({ blobId: await upload(RAW) });
  await server.pause();
  await expect(get("/jmap/session")).rejects.toThrow();
  await server.resume();
  expect((await get("/jmap/session")).status).toBe(200);
  expect(server.mailbox("root@example.org").length).toBe(1);
});

test("one address in two accounts is a mistake of the deployment", async () => {
  const twins = ["a@example.org", "b@example.org"].map((address) => ({
    address,
    aliases: ["c@example.org"],
    password: "",
  }));
  await expect(createJmapServer({ publicUrl: "https://x.example", domain: DOMAIN, accounts: twins })).rejects.toThrow(
    "c@example.org belongs to two accounts",
  );
});

function start(permissions: readonly Permission[]): Promise<JmapServer> {
  return createJmapServer({
    publicUrl: "https://mail.example.org",
    domain: DOMAIN,
    accounts: [
      { address: `root@${DOMAIN}`, aliases: [`postmaster@${DOMAIN}`], password: "pw" },
      { address: `tiny@${DOMAIN}`, password: "pw", quotaBytes: 1 },
    ],
    apiKey: { token: "API_key", permissions },
    mailFolder,
  });
}

function get(url: string, authorization?: string): Promise<Response> {
  const headers = authorization === undefined ? {} : { authorization };
  return fetch(`http://127.0.0.1:${server.port}${url}`, { headers, redirect: "manual" });
}

function post(
  url: string,
  body: string | Buffer,
  authorization: string,
  contentType = "application/json",
): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${url}`, {
    method: "POST",
    headers: { authorization, "content-type": contentType },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
}

function request(methodCalls: readonly unknown[], using = USING): string {
  return JSON.stringify({ using, methodCalls });
}

type MethodResponse = readonly [name: string, args: Readonly<Record<string, unknown>>, callId: string];

async function call(name: string, args: object, authorization = KEY, using = USING): Promise<MethodResponse> {
  const answer = await post("/jmap", request([[name, args, "0"]], using), authorization);
  const { methodResponses } = (await answer.json()) as { methodResponses: readonly [MethodResponse] };
  return methodResponses[0];
}

function importMail(change: object, accountId = "c"): Promise<MethodResponse> {
  return call("Email/import", { accountId, emails: { e: { mailboxIds: { a: true }, keywords: {}, ...change } } });
}

async function upload(content: Buffer): Promise<string> {
  const answer = await post("/jmap/upload/b/", content, KEY, "message/rfc822");
  return ((await answer.json()) as { blobId: string }).blobId;
}
