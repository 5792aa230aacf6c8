import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import { SERVICE_TOKEN } from "../../sandbox/cloud/kinds/access";
import { ACCOUNT_TOKEN } from "../../sandbox/cloud/kinds/account-token";
import { TUNNEL, tunnelToken } from "../../sandbox/cloud/kinds/tunnel";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS, type Lab, newLab, upElsewhere } from "./lab";

/** Shorter pieces are not searched for. */
const SHORTEST = 16;
const LOOK_EVERY_MS = 5;
/** The first line of every Ed25519 key in OpenSSH's form; other processes of the machine have such keys too. */
const OPENSSH_HEAD = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz";
/** For the group, then for others: a file may be read, a folder may be entered. */
const OTHERS = [
  { read: 0o040, enter: 0o010 },
  { read: 0o004, enter: 0o001 },
];

describeEngine("secrets", () => {
  let lab: Lab;
  const processes = new Set<string>();
  let output = "";

  beforeAll(async () => {
    lab = await newLab();
    const looking = setInterval(() => arguments_().forEach((line) => processes.add(line)), LOOK_EVERY_MS);
    try {
      await lab.stack.up({ onOutput: (text) => (output += text) });
      // An up whose script fails, with all that it prints.
      await lab.stack.setConfig("mail:workerKeyNumber", { value: "3" });
      await lab.outside.host.engine.off();
      output += await upElsewhere(lab);
    } finally {
      clearInterval(looking);
    }
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => lab.close());

  test("were looked for in what was really there", () => {
    expect([...processes].some((line) => line.includes("bash\0-s"))).toBe(true);
    expect([...processes].some((line) => line.includes("stalwart-cli"))).toBe(true);
    expect(output).toContain("host-files");
    expect(output).toContain("The host has no key number 3 for the Worker");
    expect(secrets().length).toBeGreaterThan(30);
  });

  test("are in no process list", () => {
    for (const line of processes) expect(found(line)).toEqual([]);
  });

  test("are in no output of the engine and in no error", () => {
    expect(found(output)).toEqual([]);
  });

  test("are in the state only encrypted", () => {
    const state = readFileSync(lab.stateFile, "utf8");
    expect(state).toContain("mail-inbound");
    expect(found(state)).toEqual([]);
  });

  test("lie on the host in files that only its user reads", () => {
    const { folder } = lab.outside.host;
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
    const files = paths.map((path) => join(folder, path)).filter((path) => statSync(path).isFile());
    const holding = files.filter((file) => found(readFileSync(file, "utf8")).length > 0);
    expect(holding.length).toBeGreaterThan(6);
    expect(holding.filter((file) => isExposed(folder, file))).toEqual([]);
  });

  /** Every secret of the run, long ones line by line. */
  function secrets(): readonly string[] {
    const { world, host } = lab.outside;
    const kept = (path: string) => readFileSync(join(host.folder, "apps", path), "utf8");
    const made = [
      ...world.all(TUNNEL).map(({ id }) => tunnelToken(world, id)),
      ...world.all(SERVICE_TOKEN).map(({ props }) => String(props["clientSecret"])),
      ...world.all(ACCOUNT_TOKEN).map(({ props }) => String(props["value"])),
      kept("stalwart/keys/worker-1"),
      kept("stalwart/secrets/recovery-admin.env").replace(/^.*?:/, ""),
    ];
    const lines = [...Object.values(lab.invented.secrets), lab.invented.apiToken, ...made].flatMap((text) =>
      text.split("\n"),
    );
    return lines.filter((line) => line.length >= SHORTEST && !line.startsWith("-----") && line !== OPENSSH_HEAD);
  }

  function found(text: string): readonly string[] {
    return secrets().filter((secret) => text.includes(secret));
  }
});

/** Whether somebody else may read the file: below the home folder everything on the way must let him in. */
function isExposed(home: string, file: string): boolean {
  const parts = relative(home, dirname(file)).split("/");
  const folders = parts.map((_, index) => join(home, ...parts.slice(0, index + 1)));
  const mode = (path: string) => statSync(path).mode;
  return OTHERS.some(
    ({ read, enter }) => (mode(file) & read) !== 0 && folders.every((folder) => (mode(folder) & enter) !== 0),
  );
}

/** What `ps` shows of every process, its arguments separated by NUL. */
function arguments_(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "latin1")];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}
