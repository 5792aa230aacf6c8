import * as pulumi from "@pulumi/pulumi";

import { program } from "../../infra/program";
import { COMMAND } from "../../sandbox/engine/command";

/** The program, whose host gets a second to join the tailnet: the sandbox's joins at once or never. */
export function impatient(): ReturnType<typeof program> {
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) => {
    if (type !== COMMAND) return undefined;
    const stdin = pulumi.output(props["stdin"] as pulumi.Input<string>);
    return {
      props: { ...props, stdin: stdin.apply((text) => text.replace(/^(readonly tailnet_seconds)=.*$/m, "$1='1'")) },
      opts,
    };
  });
  return program();
}
