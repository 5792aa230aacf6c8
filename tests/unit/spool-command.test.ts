import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { DOCUMENTED_DIRECTORY, STACK_DIRECTORY_VARIABLE } from "../../infra/settings/stack-file";
import { openSpool, SpoolError, spoolPlace } from "../../ops/spool/objects";
import type { Output } from "../../ops/output";
import { run } from "../../ops/spool";
import { type Api, serveApi } from "../../sandbox/cloud/api";
import { World } from "../../sandbox/cloud/world";
import { Connectors } from "../../sandbox/edge/connector";
import { Edge } from "../../sandbox/edge/edge";
import { accountId, r2, script, TYPE } from "./cloud/cloud";

const TOKEN = "token-that_must_never_show";
const BUCKET = "mail-spool-augustin-ai";
const HOUR_MS = 3_600_000;

const OLD = `${new Date(Date.now() - 3 * HOUR_MS).toISOString()}-0000000a.eml`;
const NEW = `${new Date(Date.now() - 60_000).toISOString()}-0000000b.eml`;
const DEAD = `${new Date(Date.now() - 30 * 24 * HOUR_MS).toISOString()}-0000000c.eml`;
const RAW = "Return-Path: <zoe@sender.example>\r\nSubject: \u001b[31mred\r\nTo: root\r\n\r\nthe body\r\n";

let world: World;
let edge: Edge;
let api: Api;
let environment: NodeJS.ProcessEnv;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "spool-command-"));
  world = new World({ accountId, apiToken: TOKEN, zones: [] });
  edge = new Edge(world, new Connectors());
  world.create(TYPE.r2, "bucket", r2({ name: BUCKET }));
  const bindings = [{ type: "r2_bucket", name: "SPOOL", bucketName: BUCKET }];
  world.create(TYPE.script, "script", script({ bindings }));
  api = await serveApi(world);
  environment = {
    CLOUDFLARE_API_TOKEN: TOKEN,
    CLOUDFLARE_BASE_URL: `${api.baseUrl}/`,
    CLOUDFLARE_ACCOUNT_ID: accountId,
  };
});
afterAll(async () => {
  api.close();
  await edge.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  for (const { key } of await world.buckets.list(BUCKET, "")) await world.buckets.delete(BUCKET, key);
});

/** Two messages that wait, one of them with a pause, and a dead one; beside them a marker of the ledger. */
async function fill(): Promise<void> {
  const envelope = (name: string) => ({
    version: "1",
    from: "zoe@sender.example",
    to: "root@augustin.ai",
    receivedAt: name.slice(0, 24),
    start: "0",
  });
  const put = (key: string, text: string, metadata = {}) => world.buckets.put(BUCKET, key, Buffer.from(text), metadata);
  await put(`spool/${OLD}`, RAW, { ...envelope(OLD), to: "j%C3%BCrgen@augustin.ai" });
  await put(`spool/${NEW}`, RAW, { ...envelope(NEW), from: "" });
  await put(`dead/${DEAD}`, RAW, { ...envelope(DEAD), reason: "550 5.1.1 no such mailbox", deadAt: "2026-11-01" });
  const pause = { attempts: 4, next: "2026-11-22T20:00:00.000Z", reason: "mailbox: over quota" };
  await put(`retry/${OLD}.json`, JSON.stringify(pause), { next: pause.next });
  await put("ledger/abc", "{}");
}

async function spool(...args: readonly string[]): Promise<Output> {
  const output = await run(["prod", ...args], environment);
  expect(JSON.stringify(output)).not.toContain(TOKEN);
  return output;
}

const keys = async () => (await world.buckets.list(BUCKET, "")).map(({ key }) => key);

describe("npm run spool -- prod list", () => {
  it("says so when nothing waits", async () => {
    expect(await spool("list")).toEqual({ code: 0, stdout: "The spool is empty.\n" });
    expect(await spool("list", "--json")).toEqual({ code: 0, stdout: "[]\n" });
  });

  it("shows what waits, the oldest first, then what is dead, within a terminal's width", async () => {
    await fill();
    const { code, stdout = "" } = await spool("list");
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ["KEY", "STATE", "AGE", "SIZE", "TRIES", "TO"],
      ["0000000a", "waiting", "3 h", "76 B", "4", "jürgen@augustin.ai"],
      ["0000000b", "waiting", "1 min", "76 B", "0", "root@augustin.ai"],
      ["0000000c", "dead", "30 d", "76 B", "0", "root@augustin.ai"],
      [""],
      ["2 waiting (152 B, the oldest for 3 h), 1 dead: refused for good, kept for you."],
      [""],
    ]);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("gives programs whole keys", async () => {
    await fill();
    const rows = JSON.parse((await spool("list", "--json")).stdout ?? "") as unknown;
    expect(rows).toMatchObject([
      { key: `spool/${OLD}`, state: "waiting", attempts: 4, reason: "mailbox: over quota" },
      { key: `spool/${NEW}`, from: "", to: "root@augustin.ai", size: 76, receivedAt: NEW.slice(0, 24) },
      { key: `dead/${DEAD}`, state: "dead", reason: "550 5.1.1 no such mailbox" },
    ]);
  });

  it("goes through all pages", async () => {
    const objects = openSpool({ accountId, bucket: BUCKET }, environment);
    for (let count = 0; count < 5; count += 1) await world.buckets.put(BUCKET, `spool/${count}`, Buffer.from("x"));
    const paged = await fetch(`${api.baseUrl}/accounts/${accountId}/r2/buckets/${BUCKET}/objects?per_page=2`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(await paged.json()).toMatchObject({ result: [{}, {}], result_info: { is_truncated: true } });
    expect(await objects.list("spool/")).toHaveLength(5);
  });
});

describe("npm run spool -- prod show", () => {
  it("shows envelope, state and header fields, and nothing that steers a terminal", async () => {
    await fill();
    for (const key of ["0000000a", OLD, `spool/${OLD}`]) {
      const { code, stdout = "" } = await spool("show", key);
      expect(code).toBe(0);
      expect(stdout).toContain("from      zoe@sender.example\nto        jürgen@augustin.ai\n");
      expect(stdout).toContain("next try  2026-11-22T20:00:00.000Z\nreason    mailbox: over quota\n");
      expect(stdout).toContain("Subject: \\u001b[31mred\nTo: root\n");
      expect(stdout).not.toContain("the body");
      expect(stdout).not.toContain("\u001b");
    }
    expect((await spool("show", "0000000b")).stdout).toContain("<> (a bounce)");
  });

  it("says what it does not find", async () => {
    await fill();
    expect(await spool("show", "nothing")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("list") as string,
    });
  });
});

describe("npm run spool -- prod retry", () => {
  it("changes nothing without --yes", async () => {
    await fill();
    const before = await keys();
    expect((await spool("retry", "0000000a")).stdout).toMatch(/^Would forget the pause of spool.*--yes/);
    expect((await spool("retry", "0000000c")).stdout).toMatch(/^Would move dead\/.* to spool\/.*--yes/);
    expect(await keys()).toEqual(before);
  });

  it("takes a pause away and touches no message", async () => {
    await fill();
    const before = await keys();
    expect(await spool("retry", "0000000a", "--yes")).toMatchObject({ code: 0 });
    expect(await keys()).toEqual(before.filter((key) => !key.startsWith("retry/")));
    expect((await spool("retry", "0000000a", "--yes")).stdout).toContain("Nothing to do.");
  });

  it("makes a dead message wait again, byte for byte", async () => {
    await fill();
    expect(await spool("retry", "0000000c", "--yes")).toMatchObject({ code: 0 });
    expect(await keys()).not.toContain(`dead/${DEAD}`);
    expect((await world.buckets.get(BUCKET, `spool/${DEAD}`))?.bytes.toString()).toBe(RAW);
  });
});

describe("npm run spool -- prod export", () => {
  it("writes every message and what is known of it, for nobody else to read, and leaves the spool", async () => {
    await fill();
    const before = await keys();
    const target = join(folder, "out");
    expect((await spool("export", target)).stdout).toContain("Wrote 3 of 3 messages");
    expect(await spool("export", target)).toMatchObject({ code: 0 });
    const name = OLD.replaceAll(":", "-").replace(/\.eml$/, "");
    expect(readdirSync(join(target, "dead"))).toHaveLength(2);
    expect(readdirSync(join(target, "waiting"))).toHaveLength(4);
    expect(readFileSync(join(target, "waiting", `${name}.eml`), "utf8")).toBe(RAW);
    expect(JSON.parse(readFileSync(join(target, "waiting", `${name}.json`), "utf8"))).toMatchObject({
      to: "jürgen@augustin.ai",
      attempts: 4,
    });
    expect(statSync(join(target, "waiting", `${name}.eml`)).mode & 0o777).toBe(0o600);
    expect(statSync(join(target, "waiting")).mode & 0o777).toBe(0o700);
    expect(await keys()).toEqual(before);
  });
});

describe("the account", () => {
  const saying = (changes: NodeJS.ProcessEnv) => run(["prod", "list"], { ...environment, ...changes });

  it.each([
    ["without a token", { CLOUDFLARE_API_TOKEN: "" }, "CLOUDFLARE_API_TOKEN is not set"],
    ["with a wrong token", { CLOUDFLARE_API_TOKEN: "other" }, "permission Workers R2 Storage Write"],
    ["without an account", { CLOUDFLARE_ACCOUNT_ID: "" }, "mail:accountId is missing"],
    ["that nobody serves", { CLOUDFLARE_BASE_URL: "http://127.0.0.1:9" }, "gave no answer"],
  ])("%s is named", async (_what, changes, text) => {
    const { code, stderr = "" } = await saying(changes);
    expect(code).toBe(1);
    expect(stderr).toContain(text);
    expect(stderr).not.toContain(TOKEN);
  });

  it("without the bucket and without R2 is named", async () => {
    for (const [r2Enabled, text] of [
      [true, `has no bucket ${BUCKET}`],
      [false, "R2 is not switched on"],
    ] as const) {
      const other = await serveApi(new World({ accountId, apiToken: TOKEN, zones: [], r2Enabled }));
      const { code, stderr } = await saying({ CLOUDFLARE_BASE_URL: other.baseUrl });
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(text) as string });
      other.close();
    }
  });

  it("that hangs costs a budget of time and no more", async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    const hanging = { ...environment, CLOUDFLARE_BASE_URL: `http://127.0.0.1:${port}` };
    await expect(openSpool({ accountId, bucket: BUCKET }, hanging, 200).list("")).rejects.toThrow(SpoolError);
    server.closeAllConnections();
    server.close();
  });

  it("and the domain are those of the stack file", () => {
    const project = join(folder, "project");
    mkdirSync(project);
    writeFileSync(join(project, "Pulumi.yaml"), "name: mail\n");
    const id = "f".repeat(32);
    writeFileSync(
      join(project, "Pulumi.other.yaml"),
      `config:\n  mail:domain: example.co.uk\n  mail:accountId: "${id}"\n`,
    );
    expect(spoolPlace("other", {}, project)).toEqual({ accountId: id, bucket: "mail-spool-example-co-uk" });
  });
});

describe("the command line", () => {
  it.each([
    [["--help"], 0],
    [["prod"], 2],
    [["prod", "delete"], 2],
    [["prod", "show"], 2],
    [["prod", "list", "more"], 2],
    [["prod", "list", "--no-such-option"], 2],
    [["no-such-stack", "list"], 1],
  ])("%j ends with %d", async (args, code) => {
    expect(await run(args, environment)).toMatchObject({ code });
  });

  it("prints to the right stream and ends with the code", () => {
    const root = resolve(__dirname, "../..");
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", join(root, "ops/spool.ts"), "prod", "list"],
      { cwd: root, encoding: "utf8", env: { PATH: "/usr/bin:/bin", [STACK_DIRECTORY_VARIABLE]: DOCUMENTED_DIRECTORY } },
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).not.toMatch(/\bat .*\.ts:\d+/);
  });
});
