import { readdirSync, statSync } from "node:fs";
import { FILES } from "../../../onhost/src/deployment";
import { settingsWith } from "../settings/fixtures";
import { openLab, WORKER, type Lab } from "./lab";

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
  await lab.converge();
});
afterEach(() => lab.close());

const bearer = (key: string) => `Bearer ${key.trim()}`;

async function service(): Promise<string> {
  const { list } = (await lab.call("x:Account/get", { ids: null })) as { list: { id: string; name: string }[] };
  return list.find(({ name }) => name === "cf-mail-worker")?.id ?? "";
}

async function serverKeys(): Promise<readonly string[]> {
  const { list } = (await lab.call("x:ApiKey/get", { accountId: await service(), ids: null })) as {
    list: { description: string }[];
  };
  return list.map(({ description }) => description);
}

async function mintByHand(description: string): Promise<void> {
  await lab.call("x:ApiKey/set", { accountId: await service(), create: { k: { description } } });
}

test("a key is minted once, kept on the host with mode 0600 and printed alone", async () => {
  const first = await lab.onhost("key", "1");
  expect(first).toMatchObject({ code: 0, err: "" });
  expect(first.out).toMatch(/^API_[\w-]+\n$/);
  expect(await lab.onhost("key", "1")).toEqual(first);
  expect(lab.read(`${FILES.keys}/worker-1`)).toBe(first.out);
  expect(statSync(lab.file(`${FILES.keys}/worker-1`)).mode & 0o777).toBe(0o600);
  expect(readdirSync(lab.file(FILES.keys))).toEqual(["worker-1"]);
  expect(await serverKeys()).toEqual(["mail-worker-1"]);
});

test("the key may deliver and nothing else", async () => {
  const { out } = await lab.onhost("key", "1");
  const ask = async (method: string, args: object) => {
    const using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:principals"];
    const response = await fetch(`${lab.url}/jmap`, {
      method: "POST",
      headers: { authorization: bearer(out), "content-type": "application/json", "x-forwarded-for": WORKER },
      body: JSON.stringify({ using: [...using, "urn:stalwart:jmap"], methodCalls: [[method, args, "0"]] }),
    });
    const { methodResponses } = (await response.json()) as { methodResponses: [string, Record<string, unknown>][] };
    return methodResponses[0];
  };
  const found = await ask("Principal/query", { filter: { email: "postmaster@example.test" } });
  const [accountId] = found?.[1]["ids"] as string[];
  expect(await ask("Mailbox/query", { accountId, filter: { role: "inbox" } })).toMatchObject([
    "Mailbox/query",
    { ids: ["a"] },
    "0",
  ]);
  for (const method of ["Email/get", "Email/query", "Mailbox/get"])
    expect(await ask(method, { accountId })).toMatchObject(["error", { type: "forbidden" }, "0"]);
  for (const method of ["x:Domain/get", "x:Account/get", "x:ApiKey/get"])
    expect(await ask(method, { accountId, ids: null })).toMatchObject(["error", { type: "forbidden" }, "0"]);
});

test("the key is valid from the Worker's address alone", async () => {
  const { out } = await lab.onhost("key", "1");
  expect(await lab.status(bearer(out))).toBe(200);
  for (const from of ["127.0.0.1", "203.0.113.7", "172.30.25.138", "172.30.25.200", "2001:db8::1"])
    expect([from, await lab.status(bearer(out), from)]).toEqual([from, 403]);
});

test("keys of an earlier release are bound at the next run, and stay the same; others' keys stay open", async () => {
  const { out } = await lab.onhost("key", "1");
  await lab.onhost("key", "2");
  await mintByHand("monitoring");
  const ids = await idsOf();
  const update = Object.fromEntries(ids.map((id) => [id, { allowedIps: {} }]));
  await lab.call("x:ApiKey/set", { accountId: await service(), update });
  expect(await lab.status(bearer(out), "203.0.113.7")).toBe(200);

  expect(await lab.onhost("key", "1")).toEqual({ code: 0, out, err: "" });
  expect([await lab.status(bearer(out)), await lab.status(bearer(out), "203.0.113.7")]).toEqual([200, 403]);
  expect(await boundTo()).toEqual({ "mail-worker-1": [WORKER], "mail-worker-2": [WORKER], monitoring: [] });
});

test("another mail:hostSubnet binds the same key to the new address", async () => {
  const { out } = await lab.onhost("key", "1");
  lab.install(settingsWith({ hostSubnet: "10.99.25.0/24" }));
  expect(await lab.onhost("key", "1")).toEqual({ code: 0, out, err: "" });
  expect(await boundTo()).toEqual({ "mail-worker-1": ["10.99.25.20"] });
  expect([await lab.status(bearer(out)), await lab.status(bearer(out), "10.99.25.20")]).toEqual([403, 200]);
});

async function keysOfServer(): Promise<readonly { id: string; description: string; allowedIps: object }[]> {
  const { list } = await lab.call("x:ApiKey/get", { accountId: await service(), ids: null });
  return list as { id: string; description: string; allowedIps: object }[];
}

async function idsOf(): Promise<readonly string[]> {
  return (await keysOfServer()).map(({ id }) => id);
}

async function boundTo(): Promise<object> {
  return Object.fromEntries(
    (await keysOfServer()).map(({ description, allowedIps }) => [description, Object.keys(allowedIps)]),
  );
}

test("killed between mint and store: the key that nobody has is withdrawn and made anew", async () => {
  await mintByHand("mail-worker-1");
  const { out } = await lab.onhost("key", "1");
  expect(await serverKeys()).toEqual(["mail-worker-1"]);
  expect(await lab.status(bearer(out))).toBe(200);
});

test("killed while storing: half a file is no key, and leftovers are no obstacle", async () => {
  await lab.onhost("key", "1");
  lab.write(`${FILES.keys}/worker-1`, "API_AAA");
  lab.write(`${FILES.keys}/worker-1.0123.tmp`, "API_");
  const { out } = await lab.onhost("key", "1");
  expect(await lab.status(bearer(out))).toBe(200);
  expect(lab.read(`${FILES.keys}/worker-1`)).toBe(out);
  expect(await serverKeys()).toEqual(["mail-worker-1"]);
});

test("restored data without the key: a new one takes the stored one's place", async () => {
  const before = lab.registry.dump();
  const { out: lost } = await lab.onhost("key", "1");
  const restored = await openLab({ data: before, root: lab.root });
  try {
    const { out } = await restored.onhost("key", "1");
    expect(out).not.toBe(lost);
    expect(await restored.status(bearer(out))).toBe(200);
    expect(restored.read(`${FILES.keys}/worker-1`)).toBe(out);
  } finally {
    await restored.close();
  }
});

test("restored data on a host without key files: the old key is withdrawn, a new one minted", async () => {
  const { out: old } = await lab.onhost("key", "1");
  const restored = await openLab({ data: lab.registry.dump() });
  try {
    const { out } = await restored.onhost("key", "1");
    expect(await restored.status(bearer(out))).toBe(200);
    expect(await restored.status(bearer(old))).toBe(401);
  } finally {
    await restored.close();
  }
});

test("rotation without a gap: both keys work until the old one is retired", async () => {
  const { out: first } = await lab.onhost("key", "1");
  const { out: second } = await lab.onhost("key", "2");
  expect([await lab.status(bearer(first)), await lab.status(bearer(second))]).toEqual([200, 200]);

  expect(await lab.onhost("retire", "2")).toEqual({ code: 0, out: "", err: "1 older key of the Worker withdrawn.\n" });
  expect([await lab.status(bearer(first)), await lab.status(bearer(second))]).toEqual([401, 200]);
  expect(readdirSync(lab.file(FILES.keys))).toEqual(["worker-2"]);
  expect(await lab.onhost("retire", "2")).toEqual({ code: 0, out: "", err: "" });
});

test("retire never takes the current key, a newer one, or one of somebody else", async () => {
  for (const number of ["1", "2", "3"]) await lab.onhost("key", number);
  await mintByHand("monitoring");
  await lab.onhost("retire", "2");
  expect(await serverKeys()).toEqual(["mail-worker-2", "mail-worker-3", "monitoring"]);
  expect(readdirSync(lab.file(FILES.keys)).toSorted()).toEqual(["worker-2", "worker-3"]);
});

test("retire refuses while the current key does not work", async () => {
  const { out: first } = await lab.onhost("key", "1");
  const { code, err } = await lab.onhost("retire", "2");
  expect(code).toBe(1);
  expect(err).toContain("The key mail-worker-2 is not there or Stalwart refuses it.");
  expect(await lab.status(bearer(first))).toBe(200);
});

test("five keys: the next one is refused, the others named, the Worker's stays", async () => {
  const { out: first } = await lab.onhost("key", "1");
  for (const name of ["a", "b", "c", "d"]) await mintByHand(name);
  const { code, out, err } = await lab.onhost("key", "2");
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain("has 5 API keys (mail-worker-1, a, b, c, d), and Stalwart allows 5.");
  expect(await lab.status(bearer(first))).toBe(200);
  expect(await lab.onhost("key", "1")).toMatchObject({ code: 0, out: first });
});

test("a role that does not let the key in is an error, and the key is not handed out", async () => {
  const { list } = (await lab.call("x:Role/get", { ids: null })) as { list: { id: string; description: string }[] };
  const role = list.find(({ description }) => description === "cf-mail-worker")?.id ?? "";
  await lab.call("x:Role/set", { update: { [role]: { "enabledPermissions/authenticate": false } } });
  const { code, out, err } = await lab.onhost("key", "1");
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain("HTTP 403");
});

test.each([["key"], ["key", "0"], ["key", "01"], ["key", "10000"], ["key", "1;ls"], ["retire", "x"], ["what"], []])(
  "%s %s is no command",
  async (...args) => {
    const { code, out, err } = await lab.onhost(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("onhost key NUMBER");
  },
);
