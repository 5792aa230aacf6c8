import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { cloudflareApi } from "./adopt/cloudflare";
import { compare } from "./adopt/compare";
import { AdoptError } from "./adopt/fault";
import { importFile } from "./adopt/import-file";
import { refusedWebsites } from "./adopt/issuers";
import { readLive } from "./adopt/live";
import { apiToken, type Place, preview } from "./adopt/pulumi";
import { renderJson, renderText } from "./adopt/report";
import { takenBuckets } from "./adopt/s3";
import { crash, finish, type Output } from "./output";

const USAGE = `Usage: npm run adopt -- STACK [--dry-run] [--json] [--out FILE]

Compares what the program declares with what the Cloudflare account has, and
writes an import file for pulumi import: what exists is taken over with its id
instead of being made anew. Changes nothing, neither at Cloudflare nor in the
state. What the state has already is left out, so it can be run again.

  --dry-run   tell, and write no file
  --json      the report as JSON
  --out FILE  the import file; import-STACK.json when left out
  --help      this text

pulumi and its plugins must be installed and the stack's secrets readable.

Exit codes: 0 nothing is in the way, 1 something is, or it could not be looked,
2 wrong usage.
`;

const CLOUDFLARE_API = "https://api.cloudflare.com/client/v4";
const PROJECT_DIRECTORY = join(__dirname, "..");
const HELP = "help";

interface Arguments {
  readonly stack: string;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly out: string | undefined;
}

/**
 * The command as a function of its arguments and its environment.
 * @param directory the project's folder; the import file goes there unless its path is absolute
 */
export async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  directory = PROJECT_DIRECTORY,
): Promise<Output> {
  const parsed = argumentsOf(args);
  if (parsed === HELP) return { code: 0, stdout: USAGE };
  if (typeof parsed === "string") return { code: 2, stderr: `${parsed}\n\n${USAGE}` };
  try {
    return await adopt(parsed, { stack: parsed.stack, environment, directory });
  } catch (error) {
    if (error instanceof AdoptError) return { code: 1, stderr: `${error.message}\n` };
    throw error;
  }
}

async function adopt({ stack, dryRun, json, out }: Arguments, place: Place): Promise<Output> {
  const { preview: program, template } = await preview(place);
  const base = program.config["cloudflare:baseUrl"] ?? place.environment["CLOUDFLARE_BASE_URL"] ?? CLOUDFLARE_API;
  const api = cloudflareApi(base.replace(/\/+$/, ""), await apiToken(place));
  const [live, taken, refused] = await Promise.all([
    readLive(api, program),
    takenBuckets(program.wanted, place.environment),
    // A domain whose account is a model has no website.
    base === CLOUDFLARE_API ? refusedWebsites(program, stack) : [],
  ]);
  const compared = compare(program, live);
  const findings = { ...compared, inTheWay: [...compared.inTheWay, ...taken, ...refused] };
  const file = dryRun || findings.adopted.length === 0 ? undefined : (out ?? `import-${stack}.json`);
  if (file !== undefined) {
    const content = importFile(template, findings.adopted);
    writeFileSync(resolve(place.directory, file), `${JSON.stringify(content, undefined, 2)}\n`);
  }
  const stdout = (json ? renderJson : renderText)(findings, { stack, file });
  return { code: findings.inTheWay.length === 0 ? 0 : 1, stdout };
}

/** The arguments, {@link HELP}, or what is wrong with them. */
function argumentsOf(args: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "dry-run": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        out: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return HELP;
    const [stack, ...more] = positionals;
    if (stack === undefined || more.length > 0) return `One stack name is needed, ${positionals.length} were given.`;
    if (!/^[\w.-]{1,100}$/.test(stack)) return `${JSON.stringify(stack)} is no stack name.`;
    return { stack, dryRun: values["dry-run"], json: values.json, out: values.out };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

if (require.main === module) void run(process.argv.slice(2), process.env).then(finish, crash);
