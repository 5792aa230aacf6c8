import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { toProject } from "../../sandbox/engine/checkout";
import { type CommandLine, openCommandLine } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { settingsOf } from "../../infra/settings/stack-file";
import { type Outside, startOutside } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { type StandIns, standIns } from "../../sandbox/stand-ins";
import { fromDocs, words } from "../docs";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

describeEngine("the plain command line, with the program under Pulumi's default runtime", () => {
  let outside: Outside;
  let line: CommandLine;
  let invented: StandIns;

  beforeAll(async () => {
    invented = standIns("prod");
    outside = await startOutside(settingsOf("prod", invented), invented);
    const { command, ...nothing } = await findEngine(silent);
    if (command === undefined) throw new Error(JSON.stringify(nothing));
    line = await openCommandLine(command, outside.world, (project) =>
      toProject(project, { name: "prod", standIns: invented, apiUrl: outside.apiUrl }),
    );
    expect(await line.pulumi(["stack", "init", "prod"])).toMatchObject({ code: 0 });
  }, ENGINE_TIMEOUT_MS);

  afterAll(async () => {
    line.close();
    await outside.close();
  });

  test(
    "says which secrets are missing, and takes them from standard input",
    async () => {
      const before = await line.pulumi(["preview", "--stack", "prod", "--non-interactive"]);
      expect(before.code).not.toBe(0);
      expect(before.output).toMatch(
        /missing configuration values 'accountPassword', 'dkimEd25519PrivateKey' and 'dkimRsaPrivateKey'/,
      );
      const ofHost = ["adminPassword", "hostSshPrivateKey", "resendApiKey"];
      const secrets = Object.entries(invented.secrets);
      for (const [key, value] of secrets.filter(([name]) => !ofHost.includes(name)))
        await line.pulumi(["config", "set", "--secret", `mail:${key}`, "--stack", "prod"], value);
      // Pulumi does not know whether this stack has a host; the program does.
      const then = await line.pulumi(["preview", "--stack", "prod", "--non-interactive"]);
      expect(then.code).not.toBe(0);
      for (const key of ofHost) expect(then.output).toContain(`pulumi config set --secret mail:${key} --stack prod`);
      for (const [key, value] of secrets)
        expect(await line.pulumi(["config", "set", "--secret", `mail:${key}`, "--stack", "prod"], value)).toMatchObject(
          {
            code: 0,
          },
        );
      expect(
        await line.pulumi(["config", "set", "--secret", "cloudflare:apiToken", "--stack", "prod"], invented.apiToken),
      ).toMatchObject({ code: 0 });
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "previews, converges, and changes nothing the second time",
    async () => {
      const first = fromDocs("docs/start.md", "pulumi preview --stack prod");
      const preview = await line.pulumi([...words(first).slice(1), "--non-interactive"]);
      expect(preview).toMatchObject({ code: 0 });
      expect(preview.output).toMatch(/\+ \d+ to create/);
      expect(outside.world.calls).toEqual([]);

      expect(await line.pulumi(["up", "--yes", "--stack", "prod", "--non-interactive"])).toMatchObject({ code: 0 });
      const ds = await line.pulumi(["stack", "output", "dnssecDs", "--stack", "prod"]);
      outside.publishDs(ds.output.trim());
      const nothing = fromDocs("docs/start.md", "pulumi preview --refresh --expect-no-changes --stack prod");
      const again = await line.pulumi([...words(nothing).slice(1), "--non-interactive"]);
      expect(again).toMatchObject({ code: 0 });
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "says which further domains live on a host that loses its protection",
    async () => {
      const warning = "prod is the host of second (mail:hostStack in the files of these stacks)";
      writeFileSync(join(line.project, "Pulumi.second.yaml"), "config:\n  mail:hostStack: prod\n");
      const guarded = await line.pulumi(["preview", "--stack", "prod", "--non-interactive"]);
      expect(guarded).toMatchObject({ code: 0 });
      expect(guarded.output).not.toContain(warning);
      await line.pulumi(["config", "set", "mail:protect", "false", "--stack", "prod"]);
      const lifted = await line.pulumi(["preview", "--stack", "prod", "--non-interactive"]);
      expect(lifted).toMatchObject({ code: 0 });
      expect(lifted.output.replaceAll(/\s+/g, " ")).toContain(warning);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "shows a mistake in the stack file without a stack trace",
    async () => {
      await line.pulumi(["config", "set", "mail:dmarcPolicy", "rejct", "--stack", "prod"]);
      const { code, output } = await line.pulumi(["preview", "--stack", "prod", "--non-interactive"]);
      expect(code).not.toBe(0);
      expect(output).toContain("pulumi config set mail:dmarcPolicy");
      expect(output).not.toMatch(/\bat .*\.(ts|js):\d+/);
      for (const secret of Object.values(invented.secrets)) expect(output).not.toContain(secret.slice(0, 40));
    },
    ENGINE_TIMEOUT_MS,
  );
});
