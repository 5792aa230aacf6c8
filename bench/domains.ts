/**
 * `npm run bench:domains -- [COUNT]`: many domains on one host, each with its stack, previews as a person runs them (the
 * real engine, Pulumi's default runtime, nothing to change). Two questions: what the program adds for each resource to what
 * engine, SDKs and runtime cost, and whether a preview takes longer the more domains there are. Everything is measured by
 * turns with a bare program that registers as many resources of the same types with the same inputs.
 */
import { findEngine } from "../sandbox/engine/find";
import { Cleanup } from "../sandbox/cleanup";
import { progressOn } from "../sandbox/progress";
import { statSync } from "node:fs";
import { peaksDuring } from "./children";
import { DomainsDeployment, resourcesOf } from "./domains-deployment";
import { growthOf, type Point } from "./growth";
import { median } from "./median";

const DOMAINS = 100;
/** Numbers of domains at which previews are measured, evenly from the first further one to the last. */
const CHECKPOINTS = 5;
/** At each of them; every other one in the opposite order. */
const ROUNDS = 5;
/** Issue 8: over a bare program of as many resources that reads the host's stack too. */
const LIMIT_MS_A_RESOURCE = 10;
/** From the first to the last number of domains. A busy machine's noise is larger (docs/domains.md): measure on an idle one. */
const LIMIT_GROWTH = 0.1;
/** With fewer domains a growth that would matter with a hundred is below the noise. */
const GROWTH_FROM = 20;
const MIB = 2 ** 20;

async function main(count: number, quadratic: boolean): Promise<number> {
  const progress = progressOn();
  const { command } = await findEngine(progress);
  if (command === undefined) {
    process.stderr.write("There is no Pulumi engine here, so nothing can be measured. Run: npm run engine\n");
    return 1;
  }
  const cleanup = new Cleanup();
  try {
    const deployment = await progress.step("up of the host's stack", () =>
      DomainsDeployment.start(command, cleanup, quadratic),
    );
    const first = await progress.step(`up of domain 2 of ${count}`, () => deployment.add());
    const resources = await resourcesOf(first.stack);
    const bare = await progress.step("up of the bare program", () => deployment.bare(resources, false));
    const referring = await progress.step("up of the bare program that reads the host's stack", () =>
      deployment.bare(resources, true),
    );
    const [host = "", firstFurther = ""] = deployment.stacks;
    for (const measure of [bare, referring, () => deployment.preview(host), () => deployment.preview(firstFurther)])
      await measure();

    const times: Times[] = [];
    for (const domains of checkpoints(count)) {
      while (deployment.stacks.length < domains)
        await progress.step(`up of domain ${deployment.stacks.length + 1} of ${count}`, () => deployment.add());
      const last = deployment.stacks.at(-1) ?? "";
      times.push(
        await progress.step(`${ROUNDS} rounds of previews with ${domains} domains`, () =>
          byTurns(domains, {
            bare,
            referring,
            host: () => deployment.preview(host),
            first: () => deployment.preview(firstFurther),
            last: () => deployment.preview(last),
          }),
        ),
      );
    }
    const each: number[] = [];
    const peaks = await peaksDuring(() =>
      progress.step(`a preview of each of ${count} stacks`, async () => {
        for (const stack of deployment.stacks) each.push(await deployment.preview(stack));
      }),
    );

    const all = (name: keyof Measures) => times.flatMap((point) => point[name]);
    const further = median([...all("first"), ...all("last")]);
    // The key of the host's state is derived by the engine, in a third of a second: its own cost.
    const added = ((further - median(all("referring"))) * 1000) / resources.length;
    const addedToBare = ((further - median(all("bare"))) * 1000) / resources.length;
    const fastest = (name: keyof Measures) => Math.min(...all(name)).toFixed(2);
    const growths = count < GROWTH_FROM ? [] : growthsOf(times);
    const { host: hostBytes, all: allBytes } = deployment.stateBytes();
    const lines = [
      ["domains", `${count}: the host's and ${count - 1} further ones of ${resources.length} resources each`],
      ["further domain", `${further.toFixed(2)} s a preview (median of ${all("first").length * 2})`],
      ["host's stack", `${median(all("host")).toFixed(2)} s a preview (median of ${all("host").length})`],
      [
        "bare program",
        `${median(all("bare")).toFixed(2)} s; ${median(all("referring")).toFixed(2)} s when it reads the host's stack`,
      ],
      [
        "added",
        `${added.toFixed(1)} ms a resource over the one that reads, allowed ${LIMIT_MS_A_RESOURCE}; ${addedToBare.toFixed(1)} ms over the other`,
      ],
      [
        "fastest",
        `bare ${fastest("bare")} s, reading ${fastest("referring")} s, first ${fastest("first")} s, last ${fastest("last")} s, host ${fastest("host")} s`,
      ],
      ...times.map(({ domains, bare, first, last, host }) => [
        `with ${domains} domains`,
        `bare ${median(bare).toFixed(2)} s, first ${median(first).toFixed(2)} s, last ${median(last).toFixed(2)} s, host ${median(host).toFixed(2)} s`,
      ]),
      [
        "growth",
        growths.length === 0
          ? `not judged below ${GROWTH_FROM} domains`
          : `${growths.map(({ name, growth }) => `${name} ${percent(growth)}`).join(", ")}, allowed ${percent(LIMIT_GROWTH)}`,
      ],
      ["all previews", `${each.reduce((sum, time) => sum + time, 0).toFixed(0)} s one after the other`],
      [
        "memory",
        `${[...peaks].map(([program, bytes]) => `${program} ${mib(bytes)}`).join(", ")} at most in a preview; this sandbox ${mib(process.memoryUsage().rss)}`,
      ],
      [
        "state",
        `host ${kib(hostBytes)}, further domain ${kib(statSync(first.stateFile).size)}, backend with histories ${mib(allBytes)}`,
      ],
    ];
    process.stdout.write(lines.map(([label = "", text = ""]) => `${label.padEnd(18)}${text}\n`).join(""));
    return added <= LIMIT_MS_A_RESOURCE && growths.every(({ growth }) => growth <= LIMIT_GROWTH) ? 0 : 1;
  } finally {
    await cleanup.run();
  }
}

/** Previews in seconds. */
interface Measures {
  readonly bare: readonly number[];
  /** Bare, with the reference to the host's stack. */
  readonly referring: readonly number[];
  readonly host: readonly number[];
  readonly first: readonly number[];
  readonly last: readonly number[];
}

type Times = Measures & { readonly domains: number };

async function byTurns(
  domains: number,
  measures: Readonly<Record<keyof Measures, () => Promise<number>>>,
): Promise<Times> {
  const times = {
    bare: [] as number[],
    referring: [] as number[],
    host: [] as number[],
    first: [] as number[],
    last: [] as number[],
  };
  const order = ["bare", "first", "referring", "last", "host"] as const;
  for (let round = 0; round < ROUNDS; round += 1)
    for (const name of round % 2 === 0 ? order : order.toReversed()) times[name].push(await measures[name]());
  return { ...times, domains };
}

function growthsOf(times: readonly Times[]): readonly { readonly name: string; readonly growth: number }[] {
  const points = (name: keyof Measures): readonly Point[] =>
    times.map((point) => ({ domains: point.domains, whole: point[name], bare: point.bare }));
  return (["first", "last", "host"] as const).map((name) => ({ name, growth: growthOf(points(name)) }));
}

/** Evenly from 2, which is the first further domain, to all. */
function checkpoints(count: number): readonly number[] {
  const numbers = Array.from({ length: CHECKPOINTS }, (_, at) =>
    Math.round(2 + (at * (count - 2)) / (CHECKPOINTS - 1)),
  );
  return [...new Set(numbers)];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(0)} KiB`;
}

const args = process.argv.slice(2);
const quadratic = args.includes("--quadratic");
const count = Number(args.find((arg) => !arg.startsWith("-")) ?? DOMAINS);
if (!Number.isInteger(count) || count < 2) {
  process.stderr.write("Usage: npm run bench:domains -- [COUNT] [--quadratic]: a number of domains from 2 on.\n");
  process.exitCode = 2;
} else void main(count, quadratic).then((code) => process.exit(code));
