import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Secret } from "../../../infra/settings/secret";
import type { SpoolObjects } from "../../../ops/spool/objects";
import { run, type Surroundings } from "../../../ops/upgrade";
import { guardCommand } from "../../../ops/upgrade/plan";
import { fromDocs, words } from "../../docs";
import { backupSettings } from "../backup/fixtures";
import { augustin } from "../dns/fixtures";

/** @param home whether the Worker brings the canary home */
function surroundings(home = true) {
  const commands: string[] = [];
  const said: string[] = [];
  const state = { fails: "", ms: 0 };
  const record = (where: string) => (command: string) => {
    commands.push(`${where}: ${command}`);
    return Promise.resolve(state.fails !== "" && command.includes(state.fails) ? 1 : 0);
  };
  const keys = new Set<string>();
  const objects: SpoolObjects = {
    bucket: "b",
    list: (prefix) => {
      const found = [...keys].filter((key) => key.startsWith(prefix));
      return Promise.resolve(found.map((key) => ({ key, size: 1, metadata: {} })));
    },
    get: () => Promise.resolve(undefined),
    put: (key) => Promise.resolve(void keys.add(key)),
    delete: () => Promise.resolve(),
  };
  const at: Surroundings = {
    say: (text) => void said.push(text),
    agree: () => Promise.resolve(true),
    shell: () => ({
      here: record("here"),
      host: record("host"),
      pipe: () => Promise.resolve(1),
      close: () => undefined,
    }),
    settings: () =>
      augustin({
        backup: backupSettings(),
        spool: { bucket: "b", alertUrl: new Secret(""), alertAfterMinutes: 60, ledgerDays: 30 },
      }),
    spool: () => objects,
    clock: {
      now: () => state.ms,
      sleep: (milliseconds) => {
        state.ms += milliseconds;
        if (home) keys.clear();
        return Promise.resolve();
      },
    },
  };
  return { at, commands, said, state };
}

test("asks the host, backs up, installs, looks, sends a canary, in this order", async () => {
  const { at, commands, said } = surroundings();
  expect(await run(["prod"], at)).toBe(0);
  expect(commands.map((command) => /cat |mail-backup backup|pulumi up|--wait/.exec(command)?.[0])).toEqual([
    "cat ",
    "mail-backup backup",
    "pulumi up",
    "--wait",
  ]);
  expect(said.join("")).toContain("It came home: <canary-");
});

test("nothing is installed when the backup fails", async () => {
  const { at, commands, state, said } = surroundings();
  state.fails = "mail-backup backup";
  expect(await run(["prod"], at)).toBe(1);
  expect(commands.join()).not.toContain("pulumi up");
  expect(said.at(-1)).toContain("npm run upgrade -- prod --from 2");
  expect(said.at(-1)).not.toContain("--back");
});

test("a canary that does not come home names the way back", async () => {
  const { at, said } = surroundings(false);
  expect(await run(["prod"], at)).toBe(1);
  expect(said.at(-1)).toContain("npm run upgrade -- prod --back");
});

test("on the way back no version ever starts on the other's data", async () => {
  const { at, commands } = surroundings();
  const back = words(fromDocs("docs/upgrade.md", "npm run upgrade -- prod --back")).slice(4);
  expect(await run([...back, "--snapshot", "0123abcd"], at)).toBe(0);
  const order = ["stop stalwart", "pulumi up", "restore mail 0123abcd", "--wait"];
  expect(commands).toHaveLength(order.length);
  commands.forEach((command, index) => expect(command).toContain(order[index]));
});

test("--plan, --from and wrong usage", async () => {
  const { at, commands } = surroundings();
  expect(await run(["prod", "--plan"], at)).toBe(0);
  expect(commands).toEqual([]);
  expect(await run(["prod", "--from", "4"], at)).toBe(0);
  expect(commands).toHaveLength(1);
  expect(await run([], at)).toBe(2);
  expect(await run(["prod", "--snapshot", "; rm"], at)).toBe(2);
});

describe("the guard", () => {
  const folder = mkdtempSync(join(tmpdir(), "guard-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ["0.16.18", "0.16.19", true],
    ["0.16.9", "0.16.18", true],
    ["0.16.18", "0.17.0", true],
    ["0.16.18", "0.16.18", false],
    ["0.16.19", "0.16.18", false],
    ["0.16.18", "0.18.0", false],
    ["0.15.4", "0.16.18", false],
    ["1.0.3", "1.1.0", true],
    ["0.17.2", "1.0.0", false],
  ])("from %s to %s: %s", (have, wanted, allowed) => {
    const file = join(folder, "version");
    writeFileSync(file, `${have}\n`);
    const { status, stderr } = spawnSync("bash", ["-c", guardCommand(file, wanted)], { encoding: "utf8" });
    expect(status).toBe(allowed ? 0 : 1);
    if (!allowed) expect(stderr).toContain(`Stalwart ${have}`);
  });
});
