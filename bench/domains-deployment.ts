import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import type { PulumiCommand, Stack } from "@pulumi/pulumi/automation";

import { program } from "../infra/program";
import { settingsOf, useDocumentedStack } from "../infra/settings/stack-file";
import type { Cleanup } from "../sandbox/cleanup";
import { isProps } from "../sandbox/cloud/props";
import { up } from "../sandbox/converge";
import { toProject } from "../sandbox/engine/checkout";
import { type CommandLine, openCommandLine } from "../sandbox/engine/command-line";
import { serveProviders } from "../sandbox/engine/providers";
import { createStack, type SandboxStack } from "../sandbox/engine/stack";
import { furtherStack, type HostDeployment } from "../sandbox/further";
import { startOutside } from "../sandbox/outside";
import { standIns } from "../sandbox/stand-ins";
import { AnyWorld } from "./any-world";
import { type BareResource, bareProject } from "./bare-project";

const HOST_STACK = "prod";
/** What the program that must fail waits for each stack file beside it. */
const QUADRATIC_MS = 100;

/** A host and further domains, each with its stack, in one backend and one project folder as at a person's. */
export class DomainsDeployment {
  /** Names of the stacks; the host's first. */
  readonly stacks: string[] = [HOST_STACK];
  readonly #host: HostDeployment;
  readonly #line: CommandLine;
  readonly #cleanup: Cleanup;

  private constructor(host: HostDeployment, line: CommandLine, cleanup: Cleanup) {
    this.#host = host;
    this.#line = line;
    this.#cleanup = cleanup;
  }

  /**
   * The host's stack, after its `up`.
   * @param quadratic the program waits longer with each stack file, so that all previews together do not grow linearly
   */
  static async start(command: PulumiCommand, cleanup: Cleanup, quadratic: boolean): Promise<DomainsDeployment> {
    useDocumentedStack();
    const name = HOST_STACK;
    const invented = standIns(name);
    const outside = await startOutside(settingsOf(name, invented), invented);
    cleanup.add(() => outside.close());
    const providers = await serveProviders(outside.world);
    cleanup.add(() => providers.close());
    const file = { name, standIns: invented, apiUrl: outside.apiUrl };
    const stack = await createStack({ ...file, command, program, providers });
    cleanup.add(() => stack.remove());
    await up(stack.stack);
    const fill = (project: string) => {
      toProject(project, file);
      if (quadratic) slowDown(project);
    };
    const line = await openCommandLine(command, outside.world, fill, { state: stack.state });
    cleanup.add(() => line.close());
    takeStackFile(stack, line);
    return new DomainsDeployment({ command, name, stack, providers, outside, invented }, line, cleanup);
  }

  /** One more domain: its zone, its stack file, its `up`. The program runs in this process, which saves its start. */
  async add(): Promise<SandboxStack> {
    const stack = await furtherStack(this.#host, `d${this.stacks.length + 1}.example`);
    this.#cleanup.add(() => stack.remove());
    await up(stack.stack);
    takeStackFile(stack, this.#line);
    this.stacks.push(stack.stack.name);
    return stack;
  }

  /** A preview that finds nothing to do, as a person runs it, in seconds. */
  preview(stack: string): Promise<number> {
    return preview(this.#line, stack);
  }

  /** @param referring the program reads the host's stack as that of a further domain does */
  async bare(resources: readonly BareResource[], referring: boolean): Promise<() => Promise<number>> {
    const world = new AnyWorld({ accountId: "bare", apiToken: "bare", zones: [] });
    const line = await openCommandLine(
      this.#host.command,
      world,
      (project) => bareProject(project, resources, referring ? HOST_STACK : undefined),
      { state: this.#host.stack.state },
    );
    this.#cleanup.add(() => line.close());
    const name = referring ? "bare-referring" : "bare";
    await run(line, ["stack", "init", name]);
    await run(line, ["up", "--yes", "--skip-preview", "--stack", name, "--non-interactive"]);
    return () => preview(line, name);
  }

  /** Bytes of the host's state, and of the whole backend with histories. */
  stateBytes(): { readonly host: number; readonly all: number } {
    const { state, stateFile } = this.#host.stack;
    const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const all = files.reduce((total, entry) => total + statSync(join(entry.parentPath, entry.name)).size, 0);
    return { host: statSync(stateFile).size, all };
  }
}

/** What the stack has, with the inputs that it has them with. */
export async function resourcesOf(stack: Stack): Promise<readonly BareResource[]> {
  const exported: unknown = await stack.exportStack();
  const deployment = isProps(exported) ? exported["deployment"] : undefined;
  const list: unknown = isProps(deployment) ? deployment["resources"] : undefined;
  if (!Array.isArray(list)) throw new Error("the state has no resources");
  return list.flatMap((resource: unknown): BareResource[] => {
    if (!isProps(resource)) return [];
    const { type, urn, inputs } = resource;
    if (typeof type !== "string" || typeof urn !== "string" || type.startsWith("pulumi:")) return [];
    return [{ type, name: urn.split("::").at(-1) ?? "", inputs: withoutMarks(inputs) ?? {} }];
  });
}

/** Secrets as plain texts: they are stand-ins. The automation exports them as `plaintext`, which is JSON. */
function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (!isProps(value)) return value;
  if (typeof value["plaintext"] === "string") return JSON.parse(value["plaintext"]);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutMarks(item)]));
}

function takeStackFile(stack: SandboxStack, line: CommandLine): void {
  const file = `Pulumi.${stack.stack.name}.yaml`;
  cpSync(join(stack.workspace.workDir ?? "", file), join(line.project, basename(file)));
}

function slowDown(project: string): void {
  const path = join(project, "infra", "index.ts");
  const waiting = `const stacks = require("node:fs").readdirSync("${project}").filter((name: string) => /^Pulumi\\..+\\.yaml$/.test(name)).length;
export = () => new Promise((resolve) => setTimeout(resolve, stacks * ${QUADRATIC_MS})).then(program);
`;
  writeFileSync(path, readFileSync(path, "utf8").replace("export = program;\n", waiting));
}

async function preview(line: CommandLine, stack: string): Promise<number> {
  const started = performance.now();
  await run(line, ["preview", "--expect-no-changes", "--stack", stack, "--non-interactive"]);
  return (performance.now() - started) / 1000;
}

async function run(line: CommandLine, args: readonly string[]): Promise<void> {
  const { code, output } = await line.pulumi(args);
  if (code !== 0) throw new Error(`pulumi ${args.join(" ")} failed:\n${output}`);
}
