import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NO_PULUMI, pulumiReason } from "../pulumi-reason";
import { NewDomainError } from "./refused";

/** The part of Pulumi's command line that is needed. Secrets go by standard input and nowhere else. */
export interface Pulumi {
  /** Also makes sure that the stack's secrets can be encrypted. @throws NewDomainError when they cannot */
  readonly stackExists: (stack: string) => Promise<boolean>;
  readonly initStack: (stack: string) => Promise<void>;
  readonly setSecret: (stack: string, key: string, plaintext: string) => Promise<void>;
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where and with what `pulumi` runs. */
interface Place {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** @param directory that of Pulumi.yaml */
export function pulumiIn(directory: string, environment: NodeJS.ProcessEnv): Pulumi {
  const place = { directory, environment };
  return {
    async stackExists(stack) {
      const { stdout } = await run(place, stack, ["stack", "ls", "--json"]);
      const stacks = JSON.parse(stdout) as readonly { readonly name: string }[];
      await tryToEncrypt(place, stack);
      // Pulumi Cloud puts the organisation in front.
      return stacks.some(({ name }) => name.split("/").at(-1) === stack);
    },
    async initStack(stack) {
      // Not selected: the operator's current stack stays.
      await run(place, stack, ["stack", "init", stack, "--no-select"]);
    },
    async setSecret(stack, key, plaintext) {
      await run(place, stack, ["config", "set", "--secret", key, "--stack", stack], plaintext);
    },
  };
}

/**
 * Makes the stack in a folder and a state of its own, with its file where there is one: Pulumi then checks passphrase and key
 * as it will later, and nothing is left. Pulumi Cloud encrypts with a key of its own, and needs neither.
 */
async function tryToEncrypt(place: Place, stack: string): Promise<void> {
  const file = `Pulumi.${stack}.yaml`;
  const text = existsSync(join(place.directory, file)) ? readFileSync(join(place.directory, file), "utf8") : "";
  const { stdout } = await run(place, stack, ["whoami", "--json"]);
  const { url } = JSON.parse(stdout) as { readonly url?: string };
  if (/^https?:/.test(url ?? "") && !/^(encryptionsalt|secretsprovider):/m.test(text)) return;
  const folder = mkdtempSync(join(tmpdir(), "mail-stack-new-domain-"));
  try {
    copyFileSync(join(place.directory, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
    if (text !== "") copyFileSync(join(place.directory, file), join(folder, file));
    const environment = { ...place.environment, PULUMI_BACKEND_URL: `file://${folder}` };
    const args = ["stack", "init", stack, "--no-select"];
    const ran = await start({ directory: folder, environment }, args);
    if (ran.code !== 0)
      throw new NewDomainError(
        `Pulumi cannot encrypt secrets of the stack ${stack}: ${pulumiReason(ran.stderr, stack)}. Nothing was changed. Then run ` +
          "the command again.",
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(place: Place, stack: string, args: readonly string[], input = ""): Promise<Ran> {
  const ran = await start(place, args, input);
  if (ran.code === 0) return ran;
  const said = input === "" ? ran.stderr : ran.stderr.replaceAll(input, "[secret]");
  const what = args.filter((word) => !word.startsWith("--")).slice(0, 3);
  throw new NewDomainError(
    `pulumi ${what.join(" ")} fails: ${pulumiReason(said, stack)}. What was done before stays, and the next run continues from there. ` +
      "Then run the command again.",
  );
}

function start({ directory, environment }: Place, args: readonly string[], input = ""): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn("pulumi", [...args, "--non-interactive"], { cwd: directory, env: environment });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => (output[stream] += text));
    child.on("error", () =>
      reject(new NewDomainError(`Nothing was changed: ${NO_PULUMI}, then run the command again.`)),
    );
    child.on("close", (code) => resolve({ code: code ?? 1, ...output }));
    // Pulumi may end before it has read; its exit code says so.
    child.stdin.on("error", () => undefined).end(input);
  });
}
