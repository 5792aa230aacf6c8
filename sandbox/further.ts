import * as pulumi from "@pulumi/pulumi";
import type { PulumiCommand, PulumiFn } from "@pulumi/pulumi/automation";

import { program } from "../infra/program";
import type { Props } from "./cloud/props";
import { newZone } from "./cloud/zone";
import { convergeWithoutEngine } from "./converge";
import type { Providers } from "./engine/providers";
import { createStack, type SandboxStack } from "./engine/stack";
import { type Outside, zoneId } from "./outside";
import { furtherStandIns, type StandIns } from "./stand-ins";

/** A deployment that has a host. */
export interface HostDeployment {
  readonly command: PulumiCommand;
  readonly name: string;
  readonly stack: SandboxStack;
  readonly providers: Providers;
  readonly outside: Outside;
  readonly invented: StandIns;
}

/**
 * The same without an engine: the program on the SDK's mocks.
 * @param outputs of the host's stack
 */
export async function furtherWithoutEngine(
  { name, outside, invented }: Pick<HostDeployment, "name" | "outside" | "invented">,
  domain: string,
  outputs: Props,
): ReturnType<typeof convergeWithoutEngine> {
  outside.world.zones.push(newZone(zoneId(domain), domain));
  const own = furtherStandIns(domain, name, invented);
  const stacks = { [name]: { hostOffer: await plainOf(outputs["hostOffer"]) } };
  return convergeWithoutEngine(stackName(domain), own, outside, program, { raw: new Map(), stacks });
}

function plainOf(value: unknown): Promise<unknown> {
  const output: pulumi.Output<unknown> = pulumi.output(value);
  return new Promise((resolve) => void output.apply(resolve));
}

function stackName(domain: string): string {
  return domain.replaceAll(".", "-");
}

/** What a person does for a further domain: adds its zone, copies `stacks/domain.yaml` and fills it in. The stack is not yet up. */
export function furtherStack(
  host: HostDeployment,
  domain: string,
  theProgram: PulumiFn = program,
): Promise<SandboxStack> {
  const { command, name, stack, providers, outside, invented } = host;
  outside.world.zones.push(newZone(zoneId(domain), domain));
  return createStack({
    command,
    name: stackName(domain),
    template: "stacks/domain.yaml",
    beside: stack,
    program: theProgram,
    providers,
    standIns: furtherStandIns(domain, name, invented),
    apiUrl: outside.apiUrl,
  });
}
