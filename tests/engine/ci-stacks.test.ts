import { execFile, type ExecFileException } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { settingsOf } from "../../infra/settings/stack-file";
import { toProject } from "../../sandbox/engine/checkout";
import { type CommandLine, openCommandLine, type Ran } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { type Outside, startOutside } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { type StandIns, standIns } from "../../sandbox/stand-ins";
import { fromDocs, words } from "../docs";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

const SCRIPT = join(__dirname, "..", "..", ".ci", "stacks");
const OUTPUT_BYTES = 16 * 1024 * 1024;
const RECORD = "cloudflare:index/dnsRecord:DnsRecord";

/** What a run of the script leaves. */
interface Run extends Ran {
  /** The step's output `text`. */
  readonly text: string | undefined;
  readonly summary: string | undefined;
}

describeEngine(".ci/stacks, as the workflows run it", () => {
  let outside: Outside;
  let line: CommandLine;
  let invented: StandIns;
  const before = process.env["CLOUDFLARE_API_TOKEN"];

  beforeAll(async () => {
    invented = standIns("prod");
    outside = await startOutside(settingsOf("prod", invented), invented);
    const { command, ...nothing } = await findEngine(silent);
    if (command === undefined) throw new Error(JSON.stringify(nothing));
    // The token comes by the environment, as docs/ci.md has it. The stand-in of the language host gives the program this one.
    process.env["CLOUDFLARE_API_TOKEN"] = invented.apiToken;
    line = await openCommandLine(command, outside.world, (project) =>
      toProject(project, { name: "prod", standIns: invented, apiUrl: outside.apiUrl }),
    );
    expect(await line.pulumi(["stack", "init", "prod"])).toMatchObject({ code: 0 });
    for (const [key, value] of Object.entries(invented.secrets))
      expect(await line.pulumi(["config", "set", "--secret", `mail:${key}`, "--stack", "prod"], value)).toMatchObject({
        code: 0,
      });
  }, ENGINE_TIMEOUT_MS);

  afterAll(async () => {
    if (before === undefined) delete process.env["CLOUDFLARE_API_TOKEN"];
    else process.env["CLOUDFLARE_API_TOKEN"] = before;
    line.close();
    await outside.close();
  });

  async function stacks(command: string, names = "prod"): Promise<Run> {
    const output = join(line.project, "..", "output");
    const summary = join(line.project, "..", "summary");
    for (const file of [output, summary]) rmSync(file, { force: true });
    const env = {
      ...line.environment,
      MAIL_STACKS: names,
      GITHUB_OUTPUT: output,
      GITHUB_STEP_SUMMARY: summary,
    };
    const ran = await new Promise<Ran>((resolve) =>
      execFile(
        SCRIPT,
        [command],
        { cwd: line.project, env, maxBuffer: OUTPUT_BYTES },
        (error: ExecFileException | null, stdout, stderr) =>
          resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` }),
      ),
    );
    const text = /^text<<(end-[0-9a-f]{32})\n([^]*)\n\1\n$/.exec(existing(output) ?? "")?.[2];
    return { ...ran, text, summary: existing(summary) };
  }

  function existing(file: string): string | undefined {
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }

  function expectNoSecret({ output, text, summary }: Run): void {
    for (const secret of [...Object.values(invented.secrets), invented.apiToken])
      for (const part of secret.split("\n").filter((each) => each.length > 8 && !each.startsWith("-----")))
        for (const shown of [output, text ?? "", summary ?? ""]) expect(shown).not.toContain(part);
  }

  test(
    "preview shows what would be made, hands it to the comment, tells no secret and changes nothing",
    async () => {
      const run = await stacks(words(fromDocs("docs/ci.md", "MAIL_STACKS=prod .ci/stacks preview")).at(-1) ?? "");
      expect(run).toMatchObject({ code: 0 });
      expect(run.text).toMatch(/^# prod\n/);
      expect(run.text).toMatch(/\+ \d+ to create/);
      expect(run.text?.length).toBeLessThan(65_000);
      expect(run.summary).toMatch(/^~~~~text\n# prod\n[^]*\n~~~~\n$/);
      expectNoSecret(run);
      expect(outside.world.calls).toEqual([]);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "up ends at the first stack that fails, and otherwise applies",
    async () => {
      const failed = await stacks("up", "elsewhere prod");
      expect(failed).toMatchObject({ code: 1 });
      expect(failed.output).toContain("no stack named 'elsewhere' found");
      expect(outside.world.calls).toEqual([]);

      const run = await stacks("up");
      expect(run).toMatchObject({ code: 0, text: undefined });
      expectNoSecret(run);
      expect(outside.world.all(RECORD).length).toBeGreaterThan(10);
      const ds = await line.pulumi(["stack", "output", "dnssecDs", "--stack", "prod"]);
      outside.publishDs(ds.output.trim());
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "drift is silent while there is none",
    async () => {
      // The registrar's answer is known to the state after the next look.
      await line.pulumi(["refresh", "--yes", "--non-interactive", "--stack", "prod"]);
      const script = readFileSync(SCRIPT, "utf8");
      expect(script).toContain(fromDocs("docs/ci.md", "pulumi refresh --preview-only --expect-no-changes"));
      expect(script).toContain(fromDocs("docs/ci.md", "pulumi preview --expect-no-changes"));
      expect(await stacks("drift")).toMatchObject({ code: 0 });
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "drift names what somebody changed by hand, and what the program would change",
    async () => {
      const record = outside.world.find(RECORD, (props) => props["name"] === "_dmarc.augustin.ai");
      if (record === undefined) throw new Error("there is no DMARC record");
      const before = { ...record.props };
      outside.world.update(RECORD, "by hand", record.id, { ...before, content: '"v=DMARC1; p=none"' });
      const byHand = await stacks("drift");
      expect(byHand).toMatchObject({ code: 1 });
      expect(byHand.output).toContain("p=none");
      outside.world.update(RECORD, "by hand", record.id, before);

      await line.pulumi(["config", "set", "mail:dmarcPolicy", "quarantine", "--stack", "prod"]);
      const notApplied = await stacks("drift");
      expect(notApplied).toMatchObject({ code: 1 });
      expect(notApplied.output).toContain("p=quarantine");
      await line.pulumi(["config", "rm", "mail:dmarcPolicy", "--stack", "prod"]);
    },
    ENGINE_TIMEOUT_MS,
  );

  test("without stacks or with another word it says how it is used", async () => {
    for (const run of [await stacks("up", ""), await stacks("destroy")]) {
      expect(run).toMatchObject({ code: 2 });
      expect(run.output).toMatch(/^Usage: MAIL_STACKS=/);
    }
  });
});
