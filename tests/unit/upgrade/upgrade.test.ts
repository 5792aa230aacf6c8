import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { STALWART_VERSION } from "../../../infra/host/images";
import { Secret } from "../../../infra/settings/secret";
import type { SpoolObjects } from "../../../ops/spool/objects";
import { run, type Surroundings } from "../../../ops/upgrade";
import { canary } from "../../../ops/upgrade/canary";
import { backPlan, PHASES, upgradePlan } from "../../../ops/upgrade/plan";
import { hostCommand } from "../../../ops/upgrade/script";
import { backupSettings } from "../backup/fixtures";
import { augustin } from "../dns/fixtures";

/** @param home whether the Worker brings the canary home @param status what the host says of an upgrade */
function surroundings({ home = true, status = "none - -", fails = "" } = {}) {
  const commands: string[] = [];
  const said: string[] = [];
  const state = { ms: Date.UTC(2026, 10, 23) };
  const called = (command: string) =>
    command.startsWith("bash -c") ? (/\n(\w+)\n'$/.exec(command)?.[1] ?? "") : command;
  const record = (command: string) => {
    commands.push(called(command));
    return Promise.resolve(fails !== "" && called(command).includes(fails) ? 1 : 0);
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
      here: record,
      host: record,
      answer: () => Promise.resolve(`Welcome!\n${status}\n`),
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
  return { at, commands, said, keys, objects };
}

const UP = "pulumi up --yes --stack 'prod'";
const FORWARD = ["guard", "begin", "save", UP, "is_installed", "try_out", "open", "finish"];
const BACK = ["turn_back", "collect", "bring_back", "import_new_mail", "open_again", "forget"];

test("asks the host, lets nobody in, backs up, installs, tries, lets everybody in, in this order", async () => {
  const { at, commands, said } = surroundings();
  expect(await run(["prod"], at)).toBe(0);
  expect(commands).toEqual(FORWARD);
  expect(said.join("")).toContain("It came home: <canary-");
});

test.each([
  ["guard", [], []],
  ["save", ["begin", "save"], ["give_up"]],
  [UP, ["begin", "save", UP], BACK],
  ["try_out", FORWARD.slice(1, 6), BACK],
  ["open", FORWARD.slice(1, 7), []],
])("when %s fails", async (fails, forward, after) => {
  const { at, commands } = surroundings({ fails });
  expect(await run(["prod"], at)).toBe(1);
  expect(commands).toEqual(["guard", ...forward, ...after]);
});

test("Pulumi that believes the files to be there is made to install them", async () => {
  const { at, commands } = surroundings({ fails: "is_installed" });
  await run(["prod"], at);
  expect(commands).toContain(`${UP} --replace '**host-files'`);
});

test("a canary that does not come home leaves the decision to a person", async () => {
  const { at, commands, said } = surroundings({ home: false });
  expect(await run(["prod"], at)).toBe(1);
  expect(commands.at(-1)).toBe("open");
  expect(said.at(-1)).toContain("npm run upgrade -- prod --back");
});

test.each([
  ["closed", FORWARD.slice(1)],
  ["saved", FORWARD.slice(3)],
  ["opened", FORWARD.slice(6)],
  ["done", FORWARD],
  ["back", BACK],
  ["back-import", BACK],
  ["restored", BACK],
])("a run that was cut goes on: %s", async (phase, expected) => {
  const { at, commands } = surroundings({ status: `${phase} 0.16.17 ${STALWART_VERSION}` });
  expect(await run(["prod"], at)).toBe(0);
  expect(commands).toEqual(expected);
});

test("another checkout than the one that began is refused, and goes back all the same", async () => {
  const other = surroundings({ status: "saved 0.16.17 0.16.99" });
  expect(await run(["prod"], other.at)).toBe(1);
  expect(other.said.join("")).toContain("An upgrade to Stalwart 0.16.99 is under way");
  expect(other.commands).toEqual([]);
  expect(await run(["prod", "--back", "--without-new-mail"], other.at)).toBe(0);
  expect(other.commands).toEqual(BACK.map((each) => (each === "collect" ? "leave_new_mail" : each)));
});

test("nothing to go back from, an unknown answer, no backup, no consent", async () => {
  const none = surroundings();
  expect(await run(["prod", "--back"], none.at)).toBe(1);
  const unknown = surroundings({ status: "command not found" });
  expect(await run(["prod"], unknown.at)).toBe(1);
  expect(unknown.said.join("")).toContain("does not say how far it is");
  const off = surroundings();
  expect(await run(["prod"], { ...off.at, settings: () => augustin({}) })).toBe(1);
  expect(off.said.join("")).toContain("mail:backup is off");
  const no = surroundings();
  expect(await run(["prod"], { ...no.at, agree: () => Promise.resolve(false) })).toBe(1);
  for (const { commands } of [none, unknown, off, no]) expect(commands).toEqual([]);
});

test("--plan and wrong usage", async () => {
  const { at, commands, said } = surroundings();
  expect(await run(["prod", "--plan"], at)).toBe(0);
  expect(await run(["prod", "--plan", "--back"], at)).toBe(0);
  expect(said.join("")).toContain("1. Let nobody in.");
  expect(await run([], at)).toBe(2);
  expect(await run(["prod", "--from", "2"], at)).toBe(2);
  expect(commands).toEqual([]);
});

test("every phase has a way on, and every step one sentence", () => {
  for (const phase of PHASES) expect(upgradePlan("0.16.19", phase).length).toBeGreaterThan(2);
  for (const { what } of [...upgradePlan("0.16.19"), ...backPlan(true), ...backPlan(false)])
    expect(what).toMatch(/^[A-Z].*\.$/);
});

test("the canary is older than all that waits, because the spool is emptied in order of age", async () => {
  const { objects, keys, at } = surroundings({ home: false });
  keys.add("spool/2026-11-22T10:00:00.000Z-0a0a0a0a.eml");
  await canary(objects, "me@example.org", at.clock);
  expect([...keys].sort()[0]).toMatch(/^spool\/2026-11-22T09:59:59\.999Z-/);
});

describe("on the host", () => {
  const home = mkdtempSync(join(tmpdir(), "upgrade-"));
  const stack = join(home, "apps/mail-stack");
  const healthy = ["stalwart", "traefik", "cloudflared"].map((name) => service(name));
  const success = "apps/backup/state/backup.success";
  afterAll(() => rmSync(home, { recursive: true }));
  beforeEach(() => {
    mkdirSync(stack, { recursive: true });
    write("apps/stalwart/version", "0.16.18\n");
    write(success, "");
    listed(healthy);
  });

  function service(name: string, state = "running", health = "healthy"): object {
    return { Service: name, State: state, Health: health };
  }
  function write(name: string, content: string, mode = 0o644): void {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), content, { mode });
  }
  /** What `docker compose ps` says. */
  function listed(services: readonly object[]): void {
    write("bin/docker", `#!/bin/sh\necho '${services.map((each) => JSON.stringify(each)).join("\n")}'\n`, 0o755);
  }
  function onHost(wanted: string, name: "guard" | "status" = "guard") {
    const env = { HOME: home, PATH: `${join(home, "bin")}:/usr/bin:/bin` };
    const { status, stdout, stderr } = spawnSync("sh", ["-c", hostCommand(name, "apps", wanted)], {
      encoding: "utf8",
      env,
    });
    return { status, said: stdout + stderr };
  }

  test.each([
    ["0.16.18", "0.16.19", ""],
    ["0.16.9", "0.16.18", ""],
    ["0.16.18", "0.17.0", ""],
    ["1.0.3", "1.1.0", ""],
    ["0.16.18", "0.16.18", "has run on the data already"],
    ["0.16.19", "0.16.18", "is older"],
    ["1.0.0", "0.17.0", "is older"],
    ["0.16.18", "0.18.0", "is not the next after it"],
    ["0.17.2", "1.0.0", "is not the next after it"],
    ["1.0.0", "2.1.0", "is not the next after it"],
    ["0.15.4", "0.16.18", "before 0.16"],
    ["0.16", "0.16.19", "does not say which Stalwart wrote the data"],
    ["", "0.16.19", "does not say which Stalwart wrote the data"],
  ])("the guard, from %j to %s: %s", (have, wanted, refusal) => {
    write("apps/stalwart/version", `${have}\n`);
    const { status, said } = onHost(wanted);
    expect(status).toBe(refusal === "" ? 0 : 1);
    expect(said).toContain(refusal === "" ? `From Stalwart ${have} to ${wanted}.` : refusal);
  });

  test.each([
    ["stopped", [service("traefik", "exited", "")], "traefik"],
    ["not healthy", [service("stalwart", "running", "unhealthy")], "stalwart"],
    ["not there", [], "cloudflared"],
  ])("the guard, one that is %s", (_, instead, name) => {
    listed([...healthy.filter((each) => !JSON.stringify(each).includes(name)), ...instead]);
    const { status, said } = onHost("0.16.19");
    expect([status, said]).toEqual([1, expect.stringContaining(`${name} is not healthy`)]);
  });

  test("the guard, without a backup of the last two days", () => {
    const old = Date.now() / 1_000 - 49 * 3_600;
    utimesSync(join(home, success), old, old);
    expect(onHost("0.16.19").said).toContain("No backup has gone well for 48 h");
    expect(onHost("0.16.19").status).toBe(1);
    rmSync(join(home, success));
    expect(onHost("0.16.19").status).toBe(1);
  });

  test("how far it is", () => {
    expect(onHost("0.16.19", "status").said).toBe("none - -\n");
    write("apps/mail-stack/upgrade", "saved 0.16.18 0.16.19 0a1b2c3d\n");
    expect(onHost("0.16.19", "status").said).toBe("saved 0.16.18 0.16.19\n");
  });
});
