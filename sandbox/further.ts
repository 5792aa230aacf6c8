import type { PulumiCommand, PulumiFn } from "@pulumi/pulumi/automation";

import { program } from "../infra/program";
import { newZone } from "./cloud/zone";
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

/** What a person does for a further domain: adds its zone, copies `stacks/domain.yaml` and fills it in. The stack is not yet up. */
export function furtherStack(
  host: HostDeployment,
  domain: string,
  theProgram: PulumiFn = program,
): Promise<SandboxStack> {
  const { command, name, stack, providers, outside, invented } = host;
  outside.world.addZone(newZone(zoneId(domain), domain));
  return createStack({
    command,
    name: domain.replaceAll(".", "-"),
    template: "stacks/domain.yaml",
    beside: stack,
    program: theProgram,
    providers,
    standIns: furtherStandIns(domain, name, invented),
    apiUrl: outside.apiUrl,
  });
}
