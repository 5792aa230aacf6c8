import { spawnSync } from "node:child_process";
import { PROJECT } from "../infra/settings/keys";
import { NO_PULUMI, pulumiReason } from "./pulumi-reason";

/** The stack's secrets in plain text, by bare key. */
export type Secrets = Readonly<Record<string, string>>;

/** Whether a passphrase for the stack's secrets is set. */
export function hasPassphrase(environment: NodeJS.ProcessEnv = process.env): boolean {
  return ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"].some((name) => environment[name] !== undefined);
}

/** The stack's secrets, or a sentence on why they cannot be had and what to do. */
export function decrypt(stack: string): Secrets | string {
  const args = ["config", "--stack", stack, "--show-secrets", "--json", "--non-interactive"];
  const run = spawnSync("pulumi", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const what = "The stack's secrets were not decrypted";
  if (run.error) return `${what}: pulumi does not start, ${NO_PULUMI}.`;
  if (run.status !== 0) return `${what}: ${pulumiReason(run.stderr, stack)}.`;
  const config = JSON.parse(run.stdout) as Record<string, { value?: string; secret: boolean }>;
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, { value, secret }]) =>
      secret && value !== undefined && key.startsWith(`${PROJECT}:`) ? [[key.slice(PROJECT.length + 1), value]] : [],
    ),
  );
}
