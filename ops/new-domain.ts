/** `npm run new-domain`: a stack for a mail domain, up to the point where Pulumi takes over. */
import { resolve } from "node:path";
import { servedIssuers } from "../infra/served-issuers";
import { argumentsOf, USAGE } from "./new-domain/arguments";
import { prepare, type Means } from "./new-domain/prepare";
import { pulumiIn } from "./new-domain/pulumi";
import { NewDomainError } from "./new-domain/refused";
import { renderText } from "./new-domain/render";
import { resendApi } from "./new-domain/resend";
import { ask, crash, finish, type Output } from "./output";
import { CLOUDFLARE_API, cloudflareApi } from "./new-domain/zone";

/** What the command has from its process, for tests to replace. */
export interface Surroundings {
  readonly directory?: string;
  readonly now?: Date;
  readonly pulumi?: Means["pulumi"];
  readonly ask?: Means["ask"];
  readonly websites?: Means["websites"];
}

/** The command as a function of its arguments, its environment and its surroundings. */
export async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  surroundings: Surroundings = {},
): Promise<Output> {
  const asked = argumentsOf(args);
  if (asked === "help") return { code: 0, stdout: USAGE };
  if ("fault" in asked) return { code: 2, stderr: `${asked.fault}\n\n${USAGE}` };
  const directory = surroundings.directory ?? resolve(__dirname, "..");
  try {
    const cloudflare = cloudflareApi(environment);
    // A domain whose account is a model has no website.
    const isReal = cloudflare.baseUrl === CLOUDFLARE_API;
    const prepared = await prepare(asked, {
      directory,
      cloudflare,
      resend: resendApi(environment),
      pulumi: surroundings.pulumi ?? pulumiIn(directory, environment),
      accountId: environment["CLOUDFLARE_ACCOUNT_ID"]?.trim() || undefined,
      now: surroundings.now ?? new Date(),
      websites: surroundings.websites ?? ((domain) => (isReal ? servedIssuers(domain) : Promise.resolve([]))),
      ask: surroundings.ask ?? ((_, proposal) => Promise.resolve(proposal)),
    });
    const text = asked.json
      ? `${JSON.stringify({ ...prepared, dryRun: asked.dryRun }, undefined, 2)}\n`
      : renderText(prepared, asked.dryRun);
    return { code: 0, stdout: text };
  } catch (error) {
    if (error instanceof NewDomainError) return { code: 1, stderr: `${error.message}\n` };
    throw error;
  }
}

/** Questions go to standard error, so that standard output is the answer alone. */
async function askAtTerminal(question: string, proposal: string): Promise<string> {
  return (await ask(`${question}${proposal === "" ? "" : ` [${proposal}]`}: `)) || proposal;
}

if (require.main === module)
  void run(process.argv.slice(2), process.env, process.stdin.isTTY ? { ask: askAtTerminal } : {}).then(finish, crash);
