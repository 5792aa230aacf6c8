/**
 * `npm run bench`: what the program adds to a preview that finds nothing to do. The whole program of the documented deployment against a program
 * that registers as many bare resources of the same types, both under Pulumi's default runtime, in one run, by turns.
 */
import { settingsOf, useDocumentedStack } from "../infra/settings/stack-file";
import { convergeWithoutEngine } from "../sandbox/converge";
import { toProject } from "../sandbox/engine/checkout";
import { type CommandLine, openCommandLine } from "../sandbox/engine/command-line";
import { findEngine } from "../sandbox/engine/find";
import { withoutSecretMarks } from "../sandbox/engine/secrets";
import { startOutside } from "../sandbox/outside";
import { progressOn } from "../sandbox/progress";
import { standIns } from "../sandbox/stand-ins";
import { AnyWorld } from "./any-world";
import { bareProject, COMPONENT } from "./bare-project";
import { median } from "./median";

const ROUNDS = 5;
/** The whole program may cost at most this much more than the bare one. */
const LIMIT = 1.3;

async function main(): Promise<number> {
  useDocumentedStack();
  const progress = progressOn();
  const { command } = await findEngine(progress);
  if (command === undefined) {
    process.stderr.write("There is no Pulumi engine here, so nothing can be measured. Run: npm run engine\n");
    return 1;
  }
  const invented = standIns("prod");
  // One after the other: both are the same host.
  const model = await startOutside(settingsOf("prod", invented), invented);
  const { registered, components } = await convergeWithoutEngine("prod", invented, model);
  await model.close();
  const outside = await startOutside(settingsOf("prod", invented), invented);
  const resources = [...components.filter(({ type }) => type.startsWith(COMPONENT)), ...registered];
  const secrets = { ...prefixed(invented.secrets), "cloudflare:apiToken": invented.apiToken };
  const whole = await openCommandLine(command, outside.world, (project) =>
    toProject(project, { name: "prod", standIns: invented, apiUrl: outside.apiUrl }),
  );
  const bareWorld = new AnyWorld({ accountId: "bare", apiToken: "bare", zones: [] });
  const bare = await openCommandLine(command, bareWorld, (project) =>
    bareProject(
      project,
      resources.map(({ type, name, inputs }) => ({ type, name, inputs: withoutSecretMarks(inputs) })),
    ),
  );
  try {
    await progress.step("first up of the whole program", () => first(whole, secrets));
    await progress.step("first up of the bare program", () => first(bare, {}));
    const times: { whole: number[]; bare: number[] } = { whole: [], bare: [] };
    await progress.step(`${ROUNDS} previews of each, by turns`, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        times.bare.push(await timed(bare));
        times.whole.push(await timed(whole));
      }
    });
    const ratio = median(times.whole) / median(times.bare);
    process.stdout.write(
      `resources           ${registered.length} of providers, ${resources.length} with components\n` +
        `whole prod program  ${median(times.whole).toFixed(2)} s (median of ${ROUNDS})\n` +
        `bare program        ${median(times.bare).toFixed(2)} s (median of ${ROUNDS})\n` +
        `ratio               ${ratio.toFixed(2)}, allowed ${LIMIT}\n`,
    );
    return ratio <= LIMIT ? 0 : 1;
  } finally {
    whole.close();
    bare.close();
    await outside.close();
  }
}

async function first(line: CommandLine, secrets: Readonly<Record<string, string>>): Promise<void> {
  await run(line, ["stack", "init", "prod"]);
  for (const [key, value] of Object.entries(secrets))
    await run(line, ["config", "set", "--secret", key, "--stack", "prod"], value);
  await run(line, ["up", "--yes", "--skip-preview", "--stack", "prod", "--non-interactive"]);
  // Caches are warm for both from here on.
  await timed(line);
}

async function timed(line: CommandLine): Promise<number> {
  const started = performance.now();
  await run(line, ["preview", "--expect-no-changes", "--stack", "prod", "--non-interactive"]);
  return (performance.now() - started) / 1000;
}

async function run(line: CommandLine, args: readonly string[], input?: string): Promise<void> {
  const { code, output } = await line.pulumi(args, input);
  if (code !== 0) throw new Error(`pulumi ${args.join(" ")} failed:\n${output}`);
}

function prefixed(secrets: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).map(([key, value]) => [`mail:${key}`, value]));
}

void main().then((code) => {
  process.exitCode = code;
});
