import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { HostSettings } from "../settings/settings";
import { RUN_SCRIPT } from "./ship/script";

/** The provider tries once more than this, with pauses below a second: a host that is away fails within 25 s. */
const DIAL_ERROR_LIMIT = 2;
const DIAL_SECONDS = 8;

/**
 * A script on the host. Without triggers, which would replace the resource instead of updating it, and without environment,
 * which sshd refuses. Another address in the connection is an update too, so another machine gets everything.
 */
export function commandArgs(host: HostSettings, script: pulumi.Input<string>): command.remote.CommandArgs {
  const { address, port, user, key, sshPrivateKey } = host;
  return {
    connection: {
      host: address,
      port,
      user,
      privateKey: pulumi.secret(sshPrivateKey.reveal()),
      hostKey: key,
      dialErrorLimit: DIAL_ERROR_LIMIT,
      perDialTimeout: DIAL_SECONDS,
    },
    create: RUN_SCRIPT,
    stdin: pulumi.secret(script),
    logging: command.remote.Logging.None,
    addPreviousOutputInEnv: false,
  };
}
