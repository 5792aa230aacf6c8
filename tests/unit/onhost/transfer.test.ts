import { fromDocs, words } from "../../docs";
import { openLab, type Lab, WORKER } from "./lab";

const ROOT = "root@example.test";

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
  await lab.converge();
  expect((await lab.onhost("key", "1")).code).toBe(0);
});
afterEach(() => lab.close());

describe("onhost canary", () => {
  test("a message goes in with the Worker's key, comes back, and is gone", async () => {
    const [, told = ""] = words(fromDocs("docs/upgrade.md", "onhost canary"));
    expect(await lab.onhost(told)).toMatchObject({ code: 0, out: "" });
    expect(lab.server.mailbox(ROOT)).toEqual([]);
  });

  test("a key that Stalwart does not take", async () => {
    lab.write("stalwart/keys/worker-1", "API_wrong_wrong_wrong");
    const { code, err } = await lab.onhost("canary");
    expect([code, err.split("\n")[0]]).toEqual([1, "The canary failed: Principal/query: HTTP 401."]);
  });

  test("the newest key is taken, by its number", async () => {
    lab.write("stalwart/keys/worker-9", "API_wrong_wrong_wrong");
    expect((await lab.onhost("key", "10")).code).toBe(0);
    expect((await lab.onhost("canary")).code).toBe(0);
    lab.write("stalwart/keys/worker-11", "API_wrong_wrong_wrong");
    expect((await lab.onhost("canary")).code).toBe(1);
  });

  test("no key", async () => {
    const bare = await openLab();
    await bare.converge();
    expect((await bare.onhost("canary")).err).toContain("The Worker has no key on this host.");
    await bare.close();
  });
});

test("what an export has is brought into the same server once, and what is there stays as it is", async () => {
  const send = async (n: number) => {
    const account = lab.registry.stored("Account");
    const [id = ""] = [...account].find(([, { name }]) => name === "root") ?? [];
    const key = lab.read("stalwart/keys/worker-1").trim();
    const headers = { authorization: `Bearer ${key}`, "x-forwarded-for": WORKER };
    const raw = `From: a@b.test\r\nMessage-ID: <${n}@b.test>\r\n\r\n${n}\r\n`;
    const upload = await fetch(`${lab.url}/jmap/upload/${id}/`, { method: "POST", headers, body: raw });
    const { blobId } = (await upload.json()) as { blobId: string };
    const emails = { e: { blobId, mailboxIds: { a: true }, receivedAt: `2026-11-2${n}T00:00:00Z` } };
    const body = JSON.stringify({
      using: ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
      methodCalls: [["Email/import", { accountId: id, emails }, "0"]],
    });
    await fetch(`${lab.url}/jmap`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
    });
  };
  await send(1);
  await send(2);
  expect(await lab.onhost("export")).toMatchObject({ code: 0 });
  // The session, without a redirect; the list of accounts; one for each of the three.
  expect((await lab.onhost("export")).out).toMatch(/^5 requests/m);
  const { code, out } = await lab.onhost("import");
  expect(code).toBe(0);
  expect(out).toContain(`${ROOT}: 0 messages imported, 2 there already`);
  expect(lab.server.mailbox(ROOT)).toHaveLength(2);
});
