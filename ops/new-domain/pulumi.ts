import { spawn } from "node:child_process";
import { NewDomainError } from "./refused";

/** The part of Pulumi's command line that is needed. Secrets go by standard input and nowhere else. */
export interface Pulumi {
  readonly stackExists: (stack: string) => Promise<boolean>;
  readonly initStack: (stack: string) => Promise<void>;
  readonly setSecret: (stack: string, key: string, plaintext: string) => Promise<void>;
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param directory that of Pulumi.yaml */
export function pulumiIn(directory: string, environment: NodeJS.ProcessEnv): Pulumi {
  return {
    async stackExists(stack) {
      const { code, stdout, stderr } = await pulumi(["stack", "ls", "--json"]);
      if (code !== 0) throw failed("stack ls", stderr);
      const stacks = JSON.parse(stdout) as readonly { readonly name: string }[];
      // Pulumi Cloud puts the organisation in front.
      return stacks.some(({ name }) => name.split("/").at(-1) === stack);
    },
    async initStack(stack) {
      // Not selected: the operator's current stack stays.
      const { code, stderr } = await pulumi(["stack", "init", stack, "--no-select"]);
      if (code !== 0) throw failed(`stack init ${stack}`, stderr);
    },
    async setSecret(stack, key, plaintext) {
      const { code, stderr } = await pulumi(["config", "set", "--secret", key, "--stack", stack], plaintext);
      if (code !== 0) throw failed(`config set --secret ${key}`, stderr.replaceAll(plaintext, "[secret]"));
    },
  };

  function pulumi(args: readonly string[], input = ""): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn("pulumi", [...args, "--non-interactive"], { cwd: directory, env: environment });
      const output = { stdout: "", stderr: "" };
      for (const stream of ["stdout", "stderr"] as const)
        child[stream].setEncoding("utf8").on("data", (text: string) => (output[stream] += text));
      child.on("error", () => reject(failed(args.join(" "), "there is no program pulumi on the PATH")));
      child.on("close", (code) => resolve({ code: code ?? 1, ...output }));
      // Pulumi may end before it has read; its exit code says so.
      child.stdin.on("error", () => undefined).end(input);
    });
  }
}

function failed(what: string, stderr: string): NewDomainError {
  const reason =
    stderr
      .trim()
      .replace(/^error: /, "")
      .split("\n")[0] ?? "";
  return new NewDomainError(
    `pulumi ${what} fails: ${reason}. What was done before stays and is taken up by the next run. Set the passphrase ` +
      "(PULUMI_CONFIG_PASSPHRASE) and log in (pulumi login), then run the command again.",
  );
}
