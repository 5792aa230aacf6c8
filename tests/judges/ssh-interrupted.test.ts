import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describeWith } from "../needs";

import { install } from "./ssh/files";
import { startHost, type TestHost } from "./ssh/host";
import { SSHD, SSHD_INSTALL } from "./ssh/sshd";
import { tree } from "./ssh/tree";

const SEED = Number(process.env["MAIL_STACK_SEED"] ?? Date.now() % 1_000_000);
const KILLS = 20;
/** 20 killed runs and 20 that follow, each about a second on an idle machine. */
const BUDGET_MS = 600_000;

const FIRST = {};
/** Something new, something changed, something gone, other listeners. */
const NEXT = {
  // The first in the order of installation: nearly every kill comes after it.
  "another/folder/file.json": "{}\n",
  "traefik/traefik.yaml": "entryPoints: { imaps: {} }\n",
  "traefik/dynamic/mail.yaml": undefined,
  "stalwart/secrets/relay.env": "RESEND_API_KEY=re_another0123456789\n",
  "stalwart/plan/plan.ndjson": '{"object":"NetworkListener","value":"sieve"}\n',
};

/** Where a run begins, what it is killed on the way to, and what is run then. */
const WAYS = [
  { from: undefined, to: FIRST, then: FIRST },
  { from: FIRST, to: NEXT, then: NEXT },
  { from: FIRST, to: NEXT, then: FIRST },
] as const;

describeWith(SSHD, SSHD_INSTALL)(`an interrupted run (seed ${SEED})`, () => {
  let host: TestHost;
  let saved: string;
  beforeAll(async () => {
    host = await startHost({ counted: true });
    saved = `${host.home}-saved`;
    await shipped(FIRST);
    cpSync(host.home, saved, { recursive: true, preserveTimestamps: true });
  });
  afterAll(() => host.close());

  async function shipped(changes: Readonly<Record<string, string | undefined>>): Promise<void> {
    expect(await host.run(install(changes))).toMatchObject({ code: 0, stderr: "" });
  }

  function begin(from: object | undefined): void {
    host.wipe();
    if (from !== undefined) cpSync(saved, host.home, { recursive: true, preserveTimestamps: true });
  }

  /** All that a run brings about. A password that is made on the host is another one each time. */
  const state = (from: object | undefined) => ({
    files: tree(host.apps).map((line) => line.replace(/((recovery-admin|stalwart-cli)\.env) .*/, "$1")),
    containers: ["stalwart", "traefik", "cloudflared"].map((name) =>
      from === undefined ? host.container(name)?.hash.split(" ")[0] : host.container(name)?.hash,
    ),
    running: ["stalwart", "traefik", "cloudflared"].map((name) => host.container(name)?.running),
    plan: readFileSync(join(host.home, "engine/applied"), "utf8"),
    bound: readFileSync(join(host.home, "engine/bound"), "utf8"),
  });

  it(
    `ends in the same state as one that was not, at ${KILLS} random points`,
    async () => {
      const random = randomNumbers(SEED);
      const uninterrupted = [];
      for (const { from, to, then } of WAYS) {
        begin(from);
        writeFileSync(join(host.home, "kill-at"), "1000000 before alone\n");
        await shipped(to);
        const names = readFileSync(join(host.home, "count"), "utf8")
          .trimEnd()
          .split("\n")
          .map((line) => line.replace(/ .*/, ""));
        const installing = { first: names.indexOf("cp") + 1, last: names.lastIndexOf("cp") + 1 };
        rmSync(join(host.home, "kill-at"));
        await shipped(then);
        uninterrupted.push({ calls: names.length, installing, state: state(from) });
      }
      expect(Math.min(...uninterrupted.map(({ calls }) => calls))).toBeGreaterThan(100);
      let unfinished = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        const way = WAYS[kill % WAYS.length];
        const aim = uninterrupted[kill % WAYS.length];
        if (way === undefined || aim === undefined) throw new Error("there is no such way");
        begin(way.from);
        const when = random() < 0.5 ? "before" : "after";
        const whom = random() < 0.5 ? "alone" : "all";
        // Every other kill comes while files are installed.
        const { first, last } = kill % 2 === 0 ? { first: 1, last: aim.calls } : aim.installing;
        const at = first + Math.floor(random() * (last - first + 1));
        const point = `kill ${kill} on way ${kill % WAYS.length} ${when} call ${at} of ${aim.calls}, ${whom}`;
        writeFileSync(join(host.home, "kill-at"), `${at} ${when} ${whom}\n`);
        const { code } = await host.run(install(way.to));
        expect({ point, killed: code !== 0 }).toEqual({ point, killed: true });
        rmSync(join(host.home, "kill-at"));
        if (!existsSync(join(host.apps, "stalwart/applied"))) unfinished += 1;
        expect({ point, ...(await host.run(install(way.then))) }).toMatchObject({ point, code: 0, stderr: "" });
        expect({ point, ...state(way.from) }).toEqual({ point, ...aim.state });
      }
      // The first way begins without the file that a run writes last.
      expect(unfinished).toBeGreaterThan(0);
    },
    BUDGET_MS,
  );

  it("keeps the lock while what it has started still runs", async () => {
    begin(FIRST);
    const lock = join(host.apps, "mail-stack/lock");
    const first = host.run(`exec 9>>'${lock}'; flock 9; sleep 3 9>&9 & kill -KILL $$\n`);
    await first;
    const before = Date.now();
    await shipped(FIRST);
    expect(Date.now() - before).toBeGreaterThan(500);
  });
});

/** Numbers from 0 to 1 that the seed decides (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
