import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { KEYS, type ConfigKey } from "../../infra/settings/keys";
import { STACK_DIRECTORY_VARIABLE } from "../../infra/settings/stack-file";
import { openCommandLine } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { World } from "../../sandbox/cloud/world";
import { silent } from "../../sandbox/progress";
import { standIns } from "../../sandbox/stand-ins";
import { type Ran, typed } from "../shell";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

const ROOT = join(__dirname, "../..");
/** What a test reads of a stack, directly or through the settings. */
const READS_A_STACK = /"prod"|documented|publicSettings|readStackFile|settingsOf|stacks\//;
/** So that no command reaches the limit of {@link typed} on a busy machine. */
const TESTS_AT_ONCE = 12;
/** What lies in a checkout that is in use, and is nobody's business but its owner's. */
const UNTRACKED = {
  "state.json": '{"version":3,\n"x":1}',
  "notes.yaml": "a:   1\n",
  "doctor.html": "<p>\n<b>x",
  "client/sheet.html": "<p>\n<b>x",
};

/** The checks of a required status, in a checkout whose owner has filled in the stack files. */
describeEngine("npm run check's parts, in an owner's checkout", () => {
  let line: Awaited<ReturnType<typeof openCommandLine>>;
  const invented = standIns("prod");
  const at = (name: string) => join(line.project, name);
  /** Without what the tests of this process set for themselves. */
  const type = (command: string): Promise<Ran> =>
    typed(command, {
      cwd: line.project,
      env: {
        ...line.environment,
        [STACK_DIRECTORY_VARIABLE]: undefined,
        MAIL_STACK_REQUIRE_ALL: undefined,
        GIT_CONFIG_GLOBAL: "/dev/null",
      },
    });
  const did = async (command: string, input?: string): Promise<string> => {
    const { code, stdout, stderr } = await type(input === undefined ? command : `${command} <<'END'\n${input}\nEND`);
    expect({ command, code, said: code === 0 ? "" : `${stdout}${stderr}` }).toEqual({ command, code: 0, said: "" });
    return stdout;
  };
  const commit = () => did("git add -A && git -c user.name=o -c user.email=o@example.org commit -qm filled");

  beforeAll(async () => {
    const { command, ...nothing } = await findEngine(silent);
    if (command === undefined) throw new Error(JSON.stringify(nothing));
    const world = new World({ accountId: "0".repeat(32), apiToken: "none", zones: [] });
    const { stdout } = await typed("git ls-files --cached --others --exclude-standard", {
      cwd: ROOT,
      env: process.env,
    });
    line = await openCommandLine(command, world, (project) => {
      for (const file of stdout.trim().split("\n")) {
        mkdirSync(dirname(join(project, file)), { recursive: true });
        cpSync(join(ROOT, file), join(project, file));
      }
      symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));
    });
    await did("git init -q");
    await commit();
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => line.close());

  async function checks(): Promise<void> {
    await did("npm run --silent format:check");
    await did("npm run --silent generate -- --check");
    const tests = (await did("git ls-files 'tests/unit/*.test.ts'"))
      .trim()
      .split("\n")
      .filter((file) => READS_A_STACK.test(readFileSync(at(file), "utf8")));
    expect(tests.length).toBeGreaterThan(20);
    for (let at = 0; at < tests.length; at += TESTS_AT_ONCE)
      await did(
        `npx jest --selectProjects unit --silent --runTestsByPath ${tests.slice(at, at + TESTS_AT_ONCE).join(" ")}`,
      );
  }

  test(
    "pass with Pulumi.prod.yaml filled in by docs/start.md, in the format that Pulumi itself writes",
    async () => {
      await did("pulumi stack init prod");
      for (const [name, key] of Object.entries<ConfigKey>(KEYS)) {
        const [secret, plain] = [invented.secrets[name], invented.values[name]];
        if (secret !== undefined) await did(`pulumi config set --secret mail:${name} --stack prod`, secret);
        else if (plain !== undefined && key.type !== "array")
          await did(`pulumi config set mail:${name} --stack prod -- '${plain}'`);
      }
      await did("pulumi config set --path 'mail:aliases[0]' postmaster --stack prod");
      await did("pulumi config set --secret cloudflare:apiToken --stack prod", invented.apiToken);
      const text = readFileSync(at("Pulumi.prod.yaml"), "utf8");
      expect(text).toContain("encryptionsalt:");
      for (const secret of Object.values(invented.secrets)) expect(text).not.toContain(secret.slice(0, 40));
      for (const [name, content] of Object.entries(UNTRACKED)) {
        mkdirSync(dirname(at(name)), { recursive: true });
        writeFileSync(at(name), content);
      }
      // What is there beside it is not committed, so that a mistake of .gitignore's shows.
      await did("git add Pulumi.prod.yaml");
      await did("git -c user.name=o -c user.email=o@example.org commit -qm filled");
      await checks();
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "pass with the stack under another name, for another domain, and with a file that nobody can read",
    async () => {
      await did("git mv Pulumi.prod.yaml Pulumi.home.yaml");
      const text = readFileSync(at("Pulumi.home.yaml"), "utf8").replaceAll("augustin.ai", "example.net");
      writeFileSync(at("Pulumi.home.yaml"), text.replace("mail:tailnet: split-dns", "mail:tailnet: off"));
      // Whatever reads it, by mistake, fails.
      writeFileSync(at("Pulumi.prod.yaml"), "config: [ no stack file\n");
      await did("git add Pulumi.home.yaml Pulumi.prod.yaml");
      await did("git -c user.name=o -c user.email=o@example.org commit -qm renamed");
      await checks();
      rmSync(at("Pulumi.prod.yaml"));
      await did("npm run --silent generate -- --check");
      expect(await did("npm run --silent sandbox -- --without-engine")).toContain("augustin.ai");
    },
    ENGINE_TIMEOUT_MS,
  );
});
