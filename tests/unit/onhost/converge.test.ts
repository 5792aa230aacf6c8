import { generateKeyPairSync } from "node:crypto";
import { FILES } from "../../../onhost/src/deployment";
import { SECRETS, settingsWith } from "../settings/fixtures";
import { basic, openLab, type Lab } from "./lab";

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(() => lab.close());

const OTHER = generateKeyPairSync("ed25519");
const ADMIN = basic("admin@example.test", SECRETS.adminPassword);
const PRIMARY = basic("root@example.test", SECRETS.accountPassword);

test("first boot: the plan is applied, verified, and both people can log in", async () => {
  const before = await lab.onhost("verify");
  expect(before.code).toBe(3);
  expect(before.err).toContain('Domain (name "example.test"): wanted one, found none');
  expect(before.err).toContain('NetworkListener (name "smtp"): wanted none, found one that the plan does not name');

  await lab.converge();
  expect(await lab.onhost("verify")).toEqual({ code: 0, out: "", err: "" });
  expect(lab.registry.ports().toSorted((a, b) => a - b)).toEqual([465, 587, 993, 4190, 8080]);
  expect(await lab.status(ADMIN)).toBe(200);
  expect(await lab.status(PRIMARY)).toBe(200);
});

test("a later boot finds nothing to do and changes nothing", async () => {
  await lab.converge();
  const data = lab.registry.dump();
  lab.registry.restart();
  expect((await lab.onhost("verify")).code).toBe(0);
  expect(await lab.onhost("passwords")).toEqual({ code: 0, out: "", err: "" });
  expect(lab.registry.dump()).toBe(data);
});

test("the plan applied again leaves keys and passwords", async () => {
  await lab.converge();
  const { out: key } = await lab.onhost("key", "1");
  await lab.converge();
  expect(await lab.status(`Bearer ${key.trim()}`)).toBe(200);
  expect(await lab.status(PRIMARY)).toBe(200);
});

test("a boot from restored data needs nothing but verification", async () => {
  await lab.converge();
  const restored = await openLab({ data: lab.registry.dump(), root: lab.root });
  try {
    expect((await restored.onhost("verify")).code).toBe(0);
    expect(await restored.onhost("passwords")).toEqual({ code: 0, out: "", err: "" });
  } finally {
    await restored.close();
  }
});

describe("drift made by hand", () => {
  beforeEach(() => lab.converge());

  const idOf = async (type: string, field: string, value: string) => {
    const { list } = (await lab.call(`x:${type}/get`, { ids: null })) as { list: Record<string, unknown>[] };
    return String(list.find((object) => object[field] === value)?.["id"]);
  };
  const change = async (type: string, field: string, value: string, patch: object) =>
    lab.call(`x:${type}/set`, { update: { [await idOf(type, field, value)]: patch } });

  test.each([
    {
      what: "another catch-all",
      run: () => change("Domain", "name", "example.test", { catchAllAddress: "admin@example.test" }),
      line: 'Domain (name "example.test"): catchAllAddress: wanted "root@example.test", found "admin@example.test"',
    },
    {
      what: "an alias less",
      run: () => change("Account", "name", "root", { aliases: {} }),
      line: "aliases.0: wanted",
    },
    {
      what: "a right more for the Worker",
      run: () => change("Role", "description", "cf-mail-worker", { "enabledPermissions/jmapEmailGet": true }),
      line: 'Role (description "cf-mail-worker"): enabledPermissions.jmapEmailGet: wanted nothing, found true',
    },
    {
      what: "a listener more",
      run: () =>
        lab.call("x:NetworkListener/set", {
          create: { x: { name: "pop3", protocol: "pop3", bind: { "0.0.0.0:110": true } } },
        }),
      line: 'NetworkListener (name "pop3"): wanted none, found one that the plan does not name',
    },
    {
      what: "a route without certificate checks",
      run: () => change("MtaRoute", "name", "resend", { allowInvalidCerts: true }),
      line: 'MtaRoute (name "resend"): allowInvalidCerts: wanted false, found true',
    },
    {
      what: "the retry that does not check certificates",
      run: () =>
        lab.call("x:MtaOutboundStrategy/set", {
          update: { singleton: { "tls/match": { "0": { if: "retry_num > 0", then: "'invalid-tls'" } } } },
        }),
      line: "MtaOutboundStrategy (singleton): tls.match.0: wanted nothing, found",
    },
    {
      what: "another DKIM key",
      run: () =>
        change("DkimSignature", "selector", "202602e", {
          privateKey: { "@type": "Text", secret: settingsEd25519() },
        }),
      line: "publicKey: wanted",
    },
    {
      what: "a deleted account",
      run: async () => lab.call("x:Account/set", { destroy: [await idOf("Account", "name", "cf-mail-worker")] }),
      line: 'Account (name "cf-mail-worker", domainId "#domain"): wanted one, found none',
    },
  ])("$what is named and mended", async ({ run, line }) => {
    const answer = await run();
    expect(answer).not.toHaveProperty("notUpdated.undefined");
    const found = await lab.onhost("verify");
    expect(found.code).toBe(3);
    expect(found.err).toContain(line);
    await lab.converge();
    expect(await lab.onhost("verify")).toEqual({ code: 0, out: "", err: "" });
  });

  test("an administrator's password set by hand gives way to the configured one", async () => {
    await change("Account", "name", "admin", { "credentials/0/secret": "By-Hand-2-Boats" });
    expect(await lab.status(ADMIN)).toBe(401);
    expect((await lab.onhost("passwords")).err).toBe("admin@example.test has a new password.\n");
    expect(await lab.status(ADMIN)).toBe(200);
  });

  test("the primary account's own password stays its owner's", async () => {
    await change("Account", "name", "root", { "credentials/0/secret": "Own-Choice-77-Lamps" });
    expect(await lab.onhost("passwords")).toEqual({ code: 0, out: "", err: "" });
    expect(await lab.status(basic("root@example.test", "Own-Choice-77-Lamps"))).toBe(200);
  });

  test("an API key of the primary account does not stand for a password, and stays", async () => {
    const root = await idOf("Account", "name", "root");
    await lab.call("x:Account/set", { update: { [root]: { "credentials/0": null } } });
    await lab.call("x:ApiKey/set", { accountId: root, create: { k: { description: "mine" } } });
    expect((await lab.onhost("passwords")).err).toBe("root@example.test has its first password.\n");
    expect(await lab.status(PRIMARY)).toBe(200);
    const { list } = await lab.call("x:ApiKey/get", { accountId: root, ids: null });
    expect(list).toHaveLength(1);
  });
});

test("a password that Stalwart finds too weak is refused with the command that mends it, and is not shown", async () => {
  await lab.converge();
  lab.write(FILES.adminPassword, "weakness");
  const { code, err } = await lab.onhost("passwords");
  expect(code).toBe(1);
  expect(err).toContain("Stalwart refuses the password of admin@example.test: Password is too weak.");
  expect(err).toContain("pulumi config set --secret mail:adminPassword");
  expect(err).not.toContain("weakness");
});

test("a changed setting is a difference until the plan is applied", async () => {
  await lab.converge();
  lab.install(settingsWith({ catchAll: "none" }));
  expect((await lab.onhost("verify")).err).toBe(
    'Domain (name "example.test"): catchAllAddress: wanted null, found "root@example.test"\n',
  );
  await lab.converge();
  expect((await lab.onhost("verify")).code).toBe(0);
});

test("without a Stalwart every command says so and where to look", async () => {
  await lab.server.pause();
  for (const args of [["verify"], ["passwords"], ["key", "1"], ["retire", "2"]]) {
    const { code, err } = await lab.onhost(...args);
    expect(code).toBe(1);
    expect(err).toMatch(
      /Stalwart does not answer at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)\.\n.*\n.*docker compose/,
    );
  }
});

function settingsEd25519(): string {
  return OTHER.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
