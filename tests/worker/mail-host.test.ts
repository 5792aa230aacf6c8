import { IMPORTER_PERMISSIONS } from "../../sandbox/host/accounts";
import { createJmapServer } from "../../sandbox/host/jmap-server";
import {
  call,
  DOMAIN,
  get,
  importMail,
  KEY,
  post,
  RAW,
  request,
  restart,
  ROOT,
  server,
  upload,
  USING,
} from "./mail-host";

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
    const { accounts, primaryAccounts, username } = (await session.json()) as Record<string, unknown>;
    expect({ accounts, primaryAccounts, username }).toEqual({ accounts: {}, primaryAccounts: {}, username: "" });
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
    await restart(["impersonate"]);
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
      await restart(IMPORTER_PERMISSIONS.filter((permission) => permission !== missing));
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
