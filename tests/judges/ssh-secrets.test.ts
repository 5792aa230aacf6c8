import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { keyScript } from "../../infra/host/ship/script";
import { describeWith } from "../needs";

import { install, SECRETS } from "./ssh/files";
import { startHost, type TestHost } from "./ssh/host";
import { SSHD, SSHD_INSTALL } from "./ssh/sshd";

const POLL_MS = 2;

describeWith(SSHD, SSHD_INSTALL)("secrets on their way to the host", () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await startHost({ counted: true });
  });
  afterAll(() => host.close());

  /** What pulumi has sent, and what the host has made. */
  function secrets(): readonly string[] {
    const admin =
      readFileSync(join(host.apps, "stalwart/secrets/recovery-admin.env"), "utf8").trim().split(":")[1] ?? "";
    const keys = readdirSync(join(host.apps, "stalwart/keys")).map((name) =>
      readFileSync(join(host.apps, "stalwart/keys", name), "utf8"),
    );
    return [...Object.values(SECRETS), admin, ...keys];
  }

  const leaked = (text: string) => secrets().filter((secret) => text.includes(secret));

  it("appear in no process list, in no environment, in no output and in no log", async () => {
    const told = join(host.home, "told");
    writeFileSync(told, "");
    let seen = "";
    let polls = 0;
    const over = new AbortController();
    const watch = (async () => {
      while (!over.signal.aborted) {
        seen += processes();
        polls += 1;
        await sleep(POLL_MS);
      }
    })();
    const runs = [
      await host.run(install({ "stalwart/secrets/odd": SECRETS.odd })),
      await host.run(keyScript("apps", 1, "172.30.25.20")),
      await host.run(install({ "stalwart/secrets/odd": SECRETS.odd })),
    ];
    over.abort();
    await watch;
    // Some programs are too quick to be watched.
    seen += readFileSync(told, "utf8").replaceAll(" ", "\0");
    rmSync(told);
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(polls).toBeGreaterThan(50);
    // The watch does see what runs.
    for (const program of ["bash\0-s\0", "compose.yaml", "onhost\0key", "base64\0-d"])
      expect({ program, seen: seen.includes(program) }).toEqual({ program, seen: true });
    expect(leaked(seen)).toEqual([]);
    const [first, key, second] = runs;
    expect(leaked([first, second].map((run) => `${run?.stdout}${run?.stderr}`).join())).toEqual([]);
    expect(leaked(key?.stdout ?? "")).toHaveLength(1);
    expect(leaked(host.sshd.log() + host.calls().join("\n"))).toEqual([]);
  });

  it("lie in files that only the user may read", () => {
    const files = readdirSync(host.home, { recursive: true, encoding: "utf8" }).map((name) => join(host.home, name));
    const holders = files.filter((file) => statSync(file).isFile() && leaked(readFileSync(file, "latin1")).length > 0);
    const own = holders.filter((file) => !file.startsWith(join(host.home, "engine")));
    expect(own.map((file) => file.slice(host.apps.length + 1)).sort()).toEqual([
      "cloudflared/tunnel.env",
      "stalwart/keys/worker-1",
      "stalwart/plan/plan.ndjson",
      "stalwart/secrets/odd",
      "stalwart/secrets/recovery-admin.env",
      "stalwart/secrets/relay.env",
      "stalwart/secrets/stalwart-cli.env",
    ]);
    for (const file of own) expect({ file, mode: statSync(file).mode & 0o777 }).toEqual({ file, mode: 0o600 });
  });

  it("are taken out of what a program says about its failure", async () => {
    const [admin = "", key = ""] = secrets().slice(Object.keys(SECRETS).length);
    const said = `cannot use ${SECRETS.relay}, '${SECRETS.tunnel}', ${SECRETS.odd} and ${admin}\n`;
    for (const name of ["no-images", "unhealthy", "refuse onhost passwords", "no-daemon"]) {
      host.trouble(name, said);
      const { code, stdout, stderr } = await host.run(install({ "stalwart/secrets/new": name }));
      host.trouble(name, undefined);
      expect({ name, code, leaked: leaked(stdout + stderr) }).toEqual({ name, code: 1, leaked: [] });
      expect(stderr).toContain("cannot use [secret], '[secret]', [secret] and [secret]");
    }
    host.trouble("refuse onhost key 2", `cannot use ${key} nor ${admin} nor ${SECRETS.relay}\n`);
    const { code, stdout, stderr } = await host.run(keyScript("apps", 2, "172.30.25.20"));
    expect({ code, leaked: leaked(stdout + stderr) }).toEqual({ code: 1, leaked: [] });
    expect(stderr).toContain("cannot use [secret] nor [secret] nor [secret]");
  });
});

/** Arguments and environment of everything that runs. */
function processes(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => ["cmdline", "environ"].map((name) => readOrNothing(`/proc/${pid}/${name}`)))
    .join("\n");
}

/** A process may be gone, or somebody else's. */
function readOrNothing(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
