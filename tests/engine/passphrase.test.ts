import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";

import { STAND_INS } from "../../ops/public-settings";
import { findEngine } from "../../sandbox/engine/find";
import { silent } from "../../sandbox/progress";
import { temporaryFolder } from "../../sandbox/temporary";
import { type Lab, openLab } from "../unit/new-domain/lab";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

const ROOT = resolve(__dirname, "../..");
const WRONG = { PULUMI_CONFIG_PASSPHRASE: "wrong" };
const NONE = { PULUMI_CONFIG_PASSPHRASE: undefined };
const NO_STATE = { PULUMI_BACKEND_URL: "file:///nowhere" };

interface Said {
  readonly code: number;
  readonly text: string;
}

/** Every command that asks the real engine, as it is started by npm, with what is missing or wrong around it. */
describeEngine("commands without the right passphrase, login, stack or engine", () => {
  const folder = temporaryFolder();
  const checkout = join(folder.path, "checkout");
  let lab: Lab;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const { command, ...nothing } = await findEngine(silent);
    if (command === undefined) throw new Error(JSON.stringify(nothing));
    lab = await openLab();
    mkdirSync(checkout);
    for (const name of ["Pulumi.yaml", "Pulumi.prod.yaml", "package.json", "tsconfig.json"])
      cpSync(join(ROOT, name), join(checkout, name));
    for (const name of ["infra", "ops", "worker", "sandbox", "onhost", "stacks"])
      cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
    environment = {
      HOME: folder.path,
      ...lab.environment,
      PATH: [dirname(command.command), dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter),
      PULUMI_HOME: join(folder.path, "home"),
      PULUMI_BACKEND_URL: `file://${folder.path}`,
      PULUMI_CONFIG_PASSPHRASE: "right",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    for (const args of [
      ["stack", "init", "prod"],
      ["config", "set", "--secret", "mail:accountPassword", "--stack", "prod"],
      // The kit names the host.
      ...Object.entries(STAND_INS).map(([key, value]) => ["config", "set", `mail:${key}`, value, "--stack", "prod"]),
    ]) {
      const made = spawnSync("pulumi", args, {
        cwd: checkout,
        env: environment,
        input: "a-long-password",
        encoding: "utf8",
      });
      expect(made).toMatchObject({ status: 0 });
    }
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => {
    lab.close();
    folder.remove();
  });

  function say(words: string, instead: NodeJS.ProcessEnv): Promise<Said> {
    const [command = "", ...args] = words.split(" ");
    const start = ["--import", "tsx", join(checkout, "ops", `${command}.ts`), ...args];
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        start,
        { cwd: checkout, env: { ...environment, ...instead } },
        (error, _, stderr) => resolve({ code: error === null ? 0 : Number(error.code), text: stderr }),
      );
      child.stdin?.end();
    });
  }

  const MISPLACED = "there is no stack prod in the place where pulumi is logged in";
  const elsewhere = () => {
    mkdirSync(join(folder.path, "other"), { recursive: true });
    return { PULUMI_BACKEND_URL: `file://${join(folder.path, "other")}` };
  };

  it.each<[string, () => NodeJS.ProcessEnv, string]>([
    ["rotate worker-key --stack prod", () => WRONG, "the passphrase is not the one of the stack prod"],
    ["rotate worker-key --stack prod", () => NONE, "no passphrase is set"],
    ["rotate worker-key --stack prod", () => NO_STATE, "the place of the state cannot be read"],
    ["rotate worker-key --stack prod", elsewhere, MISPLACED],
    ["rotate worker-key --stack prod --dry-run", () => WRONG, "the passphrase is not the one of the stack prod"],
    ["zone prod", () => WRONG, "the passphrase is not the one of the stack prod"],
    ["zone prod", elsewhere, MISPLACED],
    [
      "zone prod",
      () => ({ PULUMI_CONFIG_PASSPHRASE_FILE: "/nowhere", ...NONE }),
      "PULUMI_CONFIG_PASSPHRASE_FILE names cannot be read",
    ],
    ["doctor prod --json", () => WRONG, "the passphrase is not the one of the stack prod"],
    ["recovery-kit prod --with-secrets", () => WRONG, "the passphrase is not the one of the stack prod"],
    ["recovery-kit prod --with-secrets", () => NONE, "no passphrase is set"],
    ["recovery-kit prod --with-secrets", () => NO_STATE, "the place of the state cannot be read"],
    ["adopt prod --dry-run", () => WRONG, "the passphrase is not the one of the stack prod"],
    ["adopt prod --dry-run", elsewhere, MISPLACED],
    ["new-domain example.org --host prod", () => NONE, "no passphrase is set for the secrets of the stack example-org"],
    ["new-domain example.org --host prod", () => NO_STATE, "the place of the state cannot be read"],
  ])(
    "%s (%#) ends with 1 and one sentence, and nothing was made",
    async (words, instead, expected) => {
      const before = readFileSync(join(checkout, "Pulumi.prod.yaml"), "utf8");
      const { code, text } = await say(words, instead());
      expect(text).toContain(expected);
      expect(text).not.toMatch(/^\s+at /m);
      expect(code).toBe(1);
      expect(readFileSync(join(checkout, "Pulumi.prod.yaml"), "utf8")).toBe(before);
      expect(existsSync(join(checkout, "Pulumi.example-org.yaml"))).toBe(false);
      expect(lab.resend.requests.filter((request) => request.startsWith("POST"))).toEqual([]);
    },
    ENGINE_TIMEOUT_MS,
  );

  it(
    "new-domain refuses a passphrase that does not fit the file that is there, before it makes anything",
    async () => {
      const file = join(checkout, "Pulumi.example-org.yaml");
      const salt = /^encryptionsalt: .*$/m.exec(readFileSync(join(checkout, "Pulumi.prod.yaml"), "utf8"))?.[0] ?? "";
      expect(salt).not.toBe("");
      writeFileSync(file, `${salt}\nconfig:\n  mail:domain: example.org\n  mail:hostStack: prod\n`);
      try {
        const { code, text } = await say("new-domain example.org --host prod", WRONG);
        expect(text).toMatch(
          /cannot encrypt secrets of the stack example-org: the passphrase is not the one.*Nothing was changed/s,
        );
        expect(code).toBe(1);
        expect(lab.resend.requests.filter((request) => request.startsWith("POST"))).toEqual([]);
      } finally {
        rmSync(file);
      }
    },
    ENGINE_TIMEOUT_MS,
  );

  it.each(["rotate worker-key --stack prod", "new-domain example.org --host prod", "adopt prod", "zone prod"])(
    "%s without an engine says how to get one",
    async (words) => {
      const { code, text } = await say(words, { PATH: dirname(process.execPath) });
      expect(text).toContain("pulumi is not on the PATH. Install it: docs/start.md");
      expect(code).toBe(1);
    },
    ENGINE_TIMEOUT_MS,
  );
});
