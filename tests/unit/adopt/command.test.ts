import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { run } from "../../../ops/adopt";
import { TYPE } from "../../../ops/adopt/types";
import { type Api, serveApi } from "../../../sandbox/cloud/api";
import * as cloud from "../cloud/cloud";

/** Answers like pulumi what lies in two files. The engine itself: tests/engine/adopt.test.ts. */
const PULUMI = `#!/usr/bin/env node
const { copyFileSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const args = process.argv.slice(2);
if (args[0] === "config") process.exit(1);
const preview = JSON.parse(readFileSync(join(__dirname, "preview.json"), "utf8"));
copyFileSync(join(__dirname, "template.json"), args[args.indexOf("--import-file") + 1]);
process.stdout.write(JSON.stringify(preview));
process.exit(preview.diagnostics ? 255 : 0);
`;

const world = cloud.emptyWorld();
const dmarc = world.create(cloud.TYPE.record, "by hand", cloud.txt({ content: '"v=DMARC1; p=none"' }));
let api: Api;
let folder: string;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  api = await serveApi(world);
  folder = mkdtempSync(join(tmpdir(), "adopt-command-"));
  writeFileSync(join(folder, "pulumi"), PULUMI);
  chmodSync(join(folder, "pulumi"), 0o755);
  const urn = `urn:pulumi:prod::mail::mail:index:Dns$${TYPE.record}::dns-txt-_dmarc`;
  const inputs = cloud.txt({ comment: "why" });
  const others = { accountId: cloud.accountId };
  say({
    config: { "cloudflare:baseUrl": api.baseUrl },
    steps: [
      { op: "create", urn, newState: { inputs } },
      { op: "create", urn: `urn:pulumi:prod::mail::${TYPE.serviceToken}::token`, newState: { inputs: others } },
    ],
  });
  writeFileSync(
    join(folder, "template.json"),
    JSON.stringify({ resources: [{ type: TYPE.record, name: "dns-txt-_dmarc", id: "<PLACEHOLDER>" }] }),
  );
  const PATH = [folder, dirname(process.execPath)].join(delimiter);
  environment = { PATH, CLOUDFLARE_API_TOKEN: world.apiToken };
});
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => rmSync(file(), { force: true }));

const file = () => join(folder, "import-prod.json");
const say = (preview: object) => writeFileSync(join(folder, "preview.json"), JSON.stringify(preview));

test("writes the file that pulumi imports, and says what differs and how to go on", async () => {
  const { code, stdout = "" } = await run(["prod"], environment, folder);
  expect(code).toBe(0);
  for (const text of [
    '"v=DMARC1; p=none"',
    "mail:dmarcPolicy",
    "pulumi import --file import-prod.json",
    "--expect-no-changes",
  ])
    expect(stdout).toContain(text);
  expect(JSON.parse(readFileSync(file(), "utf8"))).toEqual({
    resources: [{ type: TYPE.record, name: "dns-txt-_dmarc", id: `${cloud.zoneId}/${dmarc.id}` }],
  });
});

test("as JSON, and elsewhere", async () => {
  const out = join(folder, "import-elsewhere.json");
  const { stdout = "" } = await run(["prod", "--json", "--out", out], environment, folder);
  expect(JSON.parse(stdout)).toMatchObject({
    stack: "prod",
    file: out,
    adopted: [{ name: "dns-txt-_dmarc" }],
    differences: [{ wins: "program", how: "update", keep: expect.stringContaining("mail:dmarcPolicy") as unknown }],
    created: [{ name: "token" }],
    inTheWay: [],
  });
  expect(existsSync(out)).toBe(true);
  expect(existsSync(file())).toBe(false);
});

test("with --dry-run it writes nothing", async () => {
  expect(await run(["prod", "--dry-run"], environment, folder)).toMatchObject({ code: 0 });
  expect(existsSync(file())).toBe(false);
});

test("what is in the way makes it fail, and is told", async () => {
  const second = world.create(cloud.TYPE.record, "by hand", cloud.txt({ content: '"v=DMARC1; p=quarantine"' }));
  try {
    const { code, stdout = "" } = await run(["prod"], environment, folder);
    expect(code).toBe(1);
    expect(stdout).toContain("In the way (1)");
  } finally {
    world.delete(cloud.TYPE.record, "by hand", second.id, second.props);
  }
});

test("says in pulumi's words why there is no preview, and without pulumi that it is missing", async () => {
  const kept = readFileSync(join(folder, "preview.json"), "utf8");
  say({
    diagnostics: [
      { severity: "warning", message: "never mind" },
      { severity: "error", message: "mail:domain is wrong" },
    ],
  });
  const failed = await run(["prod"], environment, folder);
  writeFileSync(join(folder, "preview.json"), kept);
  expect(failed).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^mail:domain is wrong\nNothing was changed/) as unknown,
  });
  const missing = await run(["prod"], { ...environment, PATH: join(folder, "nowhere") }, folder);
  expect(missing).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^pulumi does not start \(ENOENT\)/) as unknown,
  });
});

test("without a token nothing is asked", async () => {
  const { code, stderr = "" } = await run(["prod"], { ...environment, CLOUDFLARE_API_TOKEN: "" }, folder);
  expect([code, stderr.slice(0, 37)]).toEqual([1, "There is no Cloudflare API token, or "]);
});

test.each([[[]], [["a", "b"]], [["--unknown"]], [["no/stack"]]])("wrong usage: %j", async (args) => {
  expect(await run(args, environment, folder)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Usage:") as unknown,
  });
});

test("--help fits a terminal", async () => {
  const { code, stdout = "" } = await run(["--help"], environment, folder);
  expect(code).toBe(0);
  expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
});
