/**
 * `npm run bench:domains -- [COUNT]`: many domains on one host, each with its stack. What a preview that finds nothing to do
 * costs with the first and the last of them, and what the program adds to a bare one with as many resources that reads the same stack reference, in one run, by turns. The engine
 * reads it, in 0.2 to 0.4 s here; against a bare program without it the program adds 10 to 11 ms a resource, which is over the limit.
 */
import * as pulumi from "@pulumi/pulumi";
import type { Stack } from "@pulumi/pulumi/automation";

import { program } from "../infra/program";
import { PROJECT } from "../infra/settings/keys";
import { settingsOf } from "../infra/settings/stack-file";
import { Cleanup } from "../sandbox/cleanup";
import { isProps, type Props } from "../sandbox/cloud/props";
import { up } from "../sandbox/converge";
import { findEngine } from "../sandbox/engine/find";
import { serveProviders } from "../sandbox/engine/providers";
import { createStack, type SandboxStack } from "../sandbox/engine/stack";
import { furtherStack } from "../sandbox/further";
import { startOutside } from "../sandbox/outside";
import { progressOn } from "../sandbox/progress";
import { standIns } from "../sandbox/stand-ins";
import { AnyWorld } from "./any-world";
import { median } from "./median";

const DOMAINS = 100;
/** Domains of which previews are measured, from the first to the last. */
const SAMPLES = 5;
const ROUNDS = 5;
const LIMIT_MS_A_RESOURCE = 10;
/** The previews with the last domain may take this much longer than those with the first: the machine's noise. */
const LIMIT_GROWTH = 1.25;

const REMOTE = "command:remote:Command";
const LOCAL = "command:local:Command";

class AnyResource extends pulumi.CustomResource {}

interface Bare {
  readonly type: string;
  readonly name: string;
  readonly custom: boolean;
  readonly inputs: Props;
}

async function main(count: number): Promise<number> {
  const progress = progressOn();
  const { command } = await findEngine(progress);
  if (command === undefined) {
    process.stderr.write("There is no Pulumi engine here, so nothing can be measured. Run: npm run engine\n");
    return 1;
  }
  const cleanup = new Cleanup();
  try {
    const name = "prod";
    const invented = standIns(name);
    const outside = await startOutside(settingsOf(name, invented), invented);
    cleanup.add(() => outside.close());
    const providers = await serveProviders(outside.world);
    cleanup.add(() => providers.close());
    const common = { command, name, standIns: invented, apiUrl: outside.apiUrl };
    const stack = await createStack({ ...common, program, providers });
    cleanup.add(() => stack.remove());
    await progress.step("up of the host's stack", () => up(stack.stack));

    const domains: SandboxStack[] = [];
    const alone: number[] = [];
    for (let number = 1; number <= count; number += 1) {
      const domain = await furtherStack({ command, name, stack, providers, outside, invented }, `d${number}.example`);
      cleanup.add(() => domain.remove());
      await progress.step(`up of domain ${number} of ${count}`, () => up(domain.stack));
      domains.push(domain);
      if (number === 1) alone.push(...(await rounds(ROUNDS, () => timed(domain.stack))));
    }
    const sampled = samples(domains);
    const [first] = sampled;
    if (first === undefined) throw new Error("there is no domain");
    const resources = await resourcesOf(first.stack);

    const bareWorld = new AnyWorld({ accountId: "bare", apiToken: "bare", zones: [] });
    const bareProviders = await serveProviders(bareWorld);
    cleanup.add(() => bareProviders.close());
    const bare = await createStack({
      ...common,
      name: "bare",
      template: "Pulumi.prod.yaml",
      beside: stack,
      providers: bareProviders,
      program: () => declare(resources),
    });
    cleanup.add(() => bare.remove());
    await bare.stack.up();

    await timed(bare.stack);
    const times = { whole: sampled.map((): number[] => []), bare: [] as number[] };
    await progress.step(`${ROUNDS} previews of ${sampled.length} domains and the bare program, by turns`, async () => {
      for (let round = 0; round < ROUNDS; round += 1)
        for (const [at, { stack: sample }] of sampled.entries()) {
          times.whole[at]?.push(await timed(sample));
          times.bare.push(await timed(bare.stack));
        }
    });
    const whole = median(times.whole.flat());
    const engine = median(times.bare);
    const added = ((whole - engine) * 1000) / resources.length;
    const growth = whole / median(alone);
    process.stdout.write(
      `domains               ${count}, ${resources.length} resources each, ${count * resources.length} together\n` +
        `preview, one domain   ${median(alone).toFixed(2)} s (median of ${alone.length})\n` +
        `preview, all domains  ${whole.toFixed(2)} s each (median of ${times.whole.flat().length}), from the first to the last: ` +
        `${times.whole.map((list) => median(list).toFixed(2)).join(" ")}\n` +
        `growth                ${growth.toFixed(2)}, allowed ${LIMIT_GROWTH}\n` +
        `bare program          ${engine.toFixed(2)} s (median of ${times.bare.length})\n` +
        `ratio                 ${(whole / engine).toFixed(2)}\n` +
        `added                 ${added.toFixed(1)} ms a resource, allowed ${LIMIT_MS_A_RESOURCE}\n`,
    );
    return added <= LIMIT_MS_A_RESOURCE && growth <= LIMIT_GROWTH ? 0 : 1;
  } finally {
    await cleanup.run();
  }
}

/** Evenly from the first to the last. */
function samples(domains: readonly SandboxStack[]): readonly SandboxStack[] {
  const indexes = Array.from({ length: SAMPLES }, (_, at) => Math.round((at * (domains.length - 1)) / (SAMPLES - 1)));
  return [...new Set(indexes)].flatMap((index) => domains[index] ?? []);
}

/** What the stack has, with the inputs that it has them with. */
async function resourcesOf(stack: Stack): Promise<readonly Bare[]> {
  const exported: unknown = await stack.exportStack();
  const deployment = isProps(exported) ? exported["deployment"] : undefined;
  const list: unknown = isProps(deployment) ? deployment["resources"] : undefined;
  if (!Array.isArray(list)) throw new Error("the state has no resources");
  return list.flatMap((resource: unknown): Bare[] => {
    if (!isProps(resource)) return [];
    const { type, urn, custom, inputs } = resource;
    if (typeof type !== "string" || typeof urn !== "string" || type.startsWith("pulumi:")) return [];
    const plain = withoutMarks(inputs);
    // A remote command would be carried out.
    const kind = type === REMOTE ? LOCAL : type;
    return [
      { type: kind, name: urn.split("::").at(-1) ?? "", custom: custom === true, inputs: isProps(plain) ? plain : {} },
    ];
  });
}

/** Secrets as plain texts: they are stand-ins. The automation exports them as `plaintext`, which is JSON. */
function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (!isProps(value)) return value;
  if (typeof value["plaintext"] === "string") return JSON.parse(value["plaintext"]);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutMarks(item)]));
}

async function declare(resources: readonly Bare[]): Promise<Record<string, never>> {
  await new pulumi.StackReference(`organization/${PROJECT}/prod`).getOutputDetails("hostOffer");
  for (const { type, name, custom, inputs } of resources)
    if (custom) new AnyResource(type, name, inputs);
    else new pulumi.ComponentResource(type, name);
  return {};
}

async function rounds(count: number, measure: () => Promise<number>): Promise<readonly number[]> {
  await measure();
  const times: number[] = [];
  for (let round = 0; round < count; round += 1) times.push(await measure());
  return times;
}

async function timed(stack: Stack): Promise<number> {
  const started = performance.now();
  await stack.preview({ expectNoChanges: true });
  return (performance.now() - started) / 1000;
}

const count = Number(process.argv[2] ?? DOMAINS);
if (!Number.isInteger(count) || count < 1) {
  process.stderr.write("Usage: npm run bench:domains -- [COUNT], a number of domains from 1 on\n");
  process.exitCode = 2;
} else void main(count).then((code) => process.exit(code));
