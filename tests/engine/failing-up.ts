/**
 * Runs each case of a failing `up` on the engine and prints one JSON line for each. The failing run has a process of its
 * own (up-once.ts); this one, beside the test runner, holds the world outside and repeats the run.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { SERVICES } from "../../infra/host/layout";
import { up } from "../../sandbox/converge";
import { standIns } from "../../sandbox/stand-ins";
import { type Lab, newLab, upElsewhere } from "./lab";

/** One case: what the first `up` said, and where the second one ended. */
export interface FailingUp {
  readonly name: string;
  /** The first `up`'s error, or that it succeeded. */
  readonly failure: string;
  /** Writes to the outside world up to then. */
  readonly calls: number;
  /** The outside world after the repeated `up`. */
  readonly end: string;
  /** What a refreshed preview said after that: "no changes", or its error. */
  readonly then: string;
}

/** The same invented values for all cases: end states are compared byte for byte. */
const INVENTED = standIns("prod");
const SUCCEEDED = "succeeded";

async function main(): Promise<void> {
  const types = await reference();
  for (const type of types)
    await inLab(type, (lab) => failing(type, lab, () => Promise.resolve(lab.outside.world.failOnce(type))));
  await inLab("update", (lab) => failing("an update", lab, () => failingUpdate(lab)));
  await inLab("bad input", (lab) =>
    failing(
      "bad input",
      lab,
      () => badInput(lab),
      () => goodInput(lab),
    ),
  );
}

/** The state that every case must end in. @returns the types of which the program makes resources */
async function reference(): Promise<string[]> {
  const types = new Set<string>();
  await inLab("reference", async (lab) => {
    await up(lab.stack);
    for (const { type } of lab.outside.world.calls) types.add(type);
    print({ name: "reference", failure: SUCCEEDED, calls: lab.outside.world.calls.length, end: end(lab), then: "" });
  });
  return [...types].sort();
}

async function failing(
  name: string,
  lab: Lab,
  breakIt: () => Promise<unknown>,
  mendIt?: () => Promise<unknown>,
): Promise<void> {
  await breakIt();
  const failure = await upElsewhere(lab);
  const calls = lab.outside.world.calls.length;
  await mendIt?.();
  const { dnssecDs } = await up(lab.stack);
  lab.outside.publishDs(dnssecDs);
  const then = await lab.stack.preview({ refresh: true, expectNoChanges: true }).then(() => "no changes", text);
  print({ name, failure, calls, end: end(lab), then });
}

async function failingUpdate(lab: Lab): Promise<void> {
  await lab.stack.setConfig("mail:tlsReportAddress", { value: "tls@augustin.ai" });
  await up(lab.stack);
  await lab.stack.setConfig("mail:tlsReportAddress", { value: "postmaster@augustin.ai" });
  lab.outside.world.failOnce("cloudflare:index/dnsRecord:DnsRecord");
}

async function badInput(lab: Lab): Promise<void> {
  await lab.stack.setConfig("mail:domain", { value: "https://augustin.ai" });
  await lab.stack.setConfig("mail:hostPort", { value: "70000" });
  await lab.stack.setConfig("mail:primaryAdress", { value: "root@augustin.ai" });
}

async function goodInput(lab: Lab): Promise<void> {
  await lab.stack.setConfig("mail:domain", { value: "augustin.ai" });
  await lab.stack.setConfig("mail:hostPort", { value: String(lab.outside.host.ssh.port) });
  await lab.stack.removeConfig("mail:primaryAdress");
}

async function inLab(name: string, work: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await newLab(undefined, INVENTED);
  try {
    await work(lab);
  } catch (error) {
    print({ name, failure: "", calls: 0, end: "", then: text(error) });
  } finally {
    await lab.close();
  }
}

/** The Worker's keys, which the host makes. */
const KEYS = ["stalwart/keys/worker-1", "arrivals/keys/arrivals-1"];

/** Expiry times and keys differ from run to run. Beside the world outside, what lies on the host, and whether its containers run. */
function end(lab: Lab): string {
  const { engine, folder } = lab.outside.host;
  const apps = join(folder, "apps");
  const world = KEYS.reduce(
    (text, file) => text.replaceAll(readFileSync(join(apps, file), "utf8").trim(), "<key>"),
    worldOf(lab),
  );
  const files = readdirSync(apps, { recursive: true, encoding: "utf8" }).map(
    (path) => `${path} ${(statSync(join(apps, path)).mode & 0o777).toString(8)}`,
  );
  const services = SERVICES.map((name) => `${name} ${engine.running(name) ? "runs" : "does not run"}`);
  return [world, ...files.sort(), ...services].join("\n");
}

function worldOf(lab: Lab): string {
  return lab.outside.world.snapshot().replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>");
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function print(result: FailingUp): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

void main();
