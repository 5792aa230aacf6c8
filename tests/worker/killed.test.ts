import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { clockFault } from "../../sandbox/edge/miniflare";
import { engineAtHand } from "../../sandbox/engine/find";
import { sweep } from "../../sandbox/leftovers";
import { placeHere, startOf } from "../../sandbox/process-identity";
import { REQUIRE_ALL } from "../needs";

/** Runs of the sandbox that are killed, with a folder for temporary files of their own: what is left can be counted. */

const BUDGET_MS = 180_000;
const POLL_MS = 50;
const ROOT = join(__dirname, "../..");

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "killed-"))));
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

interface Sandbox {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

function sandbox(args: readonly string[], preload: readonly string[] = []): Sandbox {
  const child = spawn(process.execPath, [...preload, "--import", "tsx", join(ROOT, "sandbox/main.ts"), ...args], {
    cwd: ROOT,
    // The group of a terminal, so that Ctrl-C reaches the engine as well.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: folder },
  });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  return { child, said: () => said, ended: new Promise((resolve) => child.once("close", resolve)) };
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (const end = Date.now() + BUDGET_MS / 2; !look(); await sleep(POLL_MS))
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
}

/** Processes that were started with this folder for temporary files, or below it. */
function processes(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, "latin1").includes(`=${folder}`);
        return isOurs && startOf(pid) !== undefined;
      } catch {
        return false;
      }
    });
}

const left = () => readdirSync(folder).filter((name) => !/^(tsx|node-compile-cache|jest)/.test(name));

test(
  "of a kept sandbox that was killed workerd is gone at once, and the next run removes the rest",
  async () => {
    const kept = sandbox(["--keep", "--without-engine"]);
    await until("it runs", () => kept.said().includes("Ctrl-C ends it"));
    expect(processes().length).toBeGreaterThan(2);
    kept.child.kill("SIGKILL");
    await until("no process is left", () => processes().length === 0);
    expect(left().length).toBeGreaterThan(2);
    const next = sandbox(["--without-engine", "--json"]);
    expect(await next.ended).toBe(0);
    expect(left()).toEqual([]);
    expect(processes()).toEqual([]);
  },
  BUDGET_MS,
);

(REQUIRE_ALL || engineAtHand() ? test : test.skip)(
  "Ctrl-C while the engine works ends it first, and no state is left",
  async () => {
    const run = sandbox([]);
    await until("the engine works", () => run.said().includes("✓ creating a stack"));
    await sleep(1_500);
    process.kill(-(run.child.pid ?? 0), "SIGINT");
    expect(await run.ended).toBe(130);
    expect(run.said()).not.toMatch(/^ {4}at /m);
    expect([left(), processes()]).toEqual([[], []]);
    // What still ran would have written by now.
    await sleep(2_000);
    expect([left(), processes()]).toEqual([[], []]);
  },
  BUDGET_MS,
);

test(
  "a clock before the Worker's compatibility date is told in a sentence",
  async () => {
    const early = `data:text/javascript,const N=Date;globalThis.Date=class extends N{constructor(...a){a.length?super(...a):super(N.now()-315576e6)}static now(){return N.now()-315576e6}}`;
    const run = sandbox(["--without-engine"], ["--import", early]);
    expect(await run.ended).toBe(1);
    expect(run.said()).toMatch(/^This machine's clock says 20\d\d-\d\d-\d\d, which is before .* 20\d\d-\d\d-\d\d\.$/m);
    expect(run.said()).toContain("sudo timedatectl set-ntp true");
    expect(run.said()).not.toMatch(/^ {4}at /m);
    expect(clockFault("2026-06-01", new Date("2026-06-01T00:00:00Z"))).toBeUndefined();
    expect(clockFault("2026-06-01", new Date("2026-05-31T23:59:59Z"))).toContain("2026-05-31");
  },
  BUDGET_MS,
);

describe("what a dead process has left", () => {
  const here = placeHere();
  const DEAD = { pid: 999_999_999, start: "1", ...here };

  function record(name: string, owner: object | undefined, lines: { folders?: string; processes?: string }): string {
    const path = join(folder, `mail-stack-run-${name}`);
    mkdirSync(path);
    if (owner !== undefined) writeFileSync(join(path, "owner.json"), JSON.stringify(owner));
    for (const [file, text] of Object.entries(lines)) writeFileSync(join(path, file), `${text}\n`);
    return path;
  }
  const made = (name: string) => {
    const path = join(folder, name);
    mkdirSync(path);
    writeFileSync(join(path, "key"), "secret");
    return path;
  };
  function sleeper(): number {
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    children.push(child);
    return child.pid ?? 0;
  }

  test("is removed, and its processes are ended", async () => {
    const [path, pid] = [made("mail-stack-1"), sleeper()];
    const run = record("a", DEAD, { folders: path, processes: `${pid} ${startOf(pid) ?? ""}` });
    sweep(folder);
    expect([existsSync(path), existsSync(run)]).toEqual([false, false]);
    await until("the process ends", () => startOf(pid) === undefined);
  });

  test.each([
    ["the owner lives", { pid: process.pid, start: startOf(process.pid), ...here }],
    ["another machine shares the folder", { ...DEAD, host: "another" }],
    ["another container does", { ...DEAD, space: "pid:[1]" }],
    ["it is being made", undefined],
  ])("stays when %s", (_, owner) => {
    const [path, pid] = [made("mail-stack-1"), sleeper()];
    record("a", owner, { folders: path, processes: `${pid} ${startOf(pid) ?? ""}` });
    sweep(folder);
    expect([existsSync(path), startOf(pid)]).toEqual([true, expect.any(String)]);
  });

  test("is removed after a restart of the machine, when every number is another process", () => {
    const [path, pid] = [made("mail-stack-1"), sleeper()];
    const owner = { pid: process.pid, start: "1", ...here, boot: "before" };
    // Also when it started as many ticks after the start of the machine as the one before.
    record("a", owner, { folders: path, processes: `${pid} ${startOf(pid) ?? ""}` });
    sweep(folder);
    expect([existsSync(path), children.at(-1)?.killed, startOf(pid)]).toEqual([false, false, expect.any(String)]);
  });

  test.each(["{", "null", "7", '{"pid":'])("does not stop the next run when its record is damaged: %s", (text) => {
    const path = made("mail-stack-1");
    writeFileSync(join(record("a", undefined, {}), "owner.json"), text);
    record("b", DEAD, { folders: path });
    sweep(folder);
    expect(existsSync(path)).toBe(false);
  });

  test("does not stop the next run when it cannot be removed, and keeps its record", () => {
    // Nobody can remove what has a longer name than there is, not even root.
    const stuck = record("a", DEAD, { folders: join(folder, `mail-stack-${"1".repeat(300)}`) });
    const other = made("mail-stack-3");
    record("b", DEAD, { folders: other });
    sweep(folder);
    expect([existsSync(stuck), existsSync(other)]).toEqual([true, false]);
  });

  test("a number that is another process by now is left alone, and so is a folder that is not of ours", () => {
    const [path, pid] = [made("precious"), sleeper()];
    record("a", { ...DEAD, pid: process.pid }, { folders: path, processes: `${pid} 1` });
    sweep(folder);
    expect([existsSync(path), startOf(pid)]).toEqual([true, expect.any(String)]);
  });
});
