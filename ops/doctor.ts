import { writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { parseArgs } from "node:util";

import { StackFileError } from "../infra/settings/stack-file";
import { hostStackOf } from "./doctor/context";
import { examine, type Network, type Patient, patientOf, realNetwork, withCanary } from "./doctor/examine";
import { renderHtml } from "./doctor/html";
import { type Examined, exitCodeOf, renderJson, renderTable, summaryOf } from "./doctor/report";
import { watch } from "./doctor/watch";
import { crash, finish, type Output, SCREEN } from "./output";

const DEFAULT_RESOLVER = "1.1.1.1";
const DEFAULT_EVERY_SECONDS = 60;
const LEAST_EVERY_SECONDS = 5;
/** Its mail may take a minute; whoever asks for it waits. */
const CANARY_BUDGET_MS = 120_000;

const USAGE = `Usage: npm run doctor -- STACK [--json | --html FILE | --watch] [--only ID]
         [--canary]

Looks at the live deployment and says what is not as the program wants it, why
that matters and what mends it. It changes nothing, and needs no credentials for
what is public; what needs some is skipped and says which.

  --json           the report as JSON
  --html FILE      the report as one self-contained page
  --watch          a page in the terminal that looks again and again
  --every SECONDS  how often --watch looks; ${DEFAULT_EVERY_SECONDS} when left out, at least ${LEAST_EVERY_SECONDS}
  --only ID        only checks whose id begins so, and their gates; repeatable
  --canary         also sends a mail to the primary address, by way of Resend,
                   and waits up to 75 s for it to arrive
  --resolver ADDR  the resolver to ask, ADDRESS or ADDRESS:PORT; ${DEFAULT_RESOLVER} when
                   left out. It should validate DNSSEC
  --help           this text

Exit codes: 0 no error (warnings are none), 1 errors, 2 wrong usage.
`;

const HELP = "help";

interface Arguments {
  readonly stack: string;
  readonly form: "table" | "json" | "watch" | { readonly html: string };
  readonly everySeconds: number;
  readonly only: readonly string[];
  readonly resolver: string;
  readonly canary: boolean;
}

/** What the command meets; the real one unless a test says otherwise. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly network?: Network;
  readonly patient?: Patient;
}

/** The command as a function of its arguments and surroundings. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<Output> {
  const parsed = argumentsOf(args);
  if (parsed === HELP) return { code: 0, stdout: USAGE };
  if (typeof parsed === "string") return { code: 2, stderr: `${parsed}\n\n${USAGE}` };
  const { input, output, environment } = surroundings;
  if (parsed.form === "watch" && !(input.isTTY && output.isTTY))
    return { code: 2, stderr: `--watch needs a terminal. Without one: npm run doctor -- ${parsed.stack} --json\n` };
  try {
    const found = surroundings.patient ?? (await patientOf(parsed.stack, environment));
    const hostStack = hostStackOf(found.deployment);
    if (parsed.canary && hostStack !== undefined)
      return { code: 2, stderr: `The canary leaves by the host's relay: npm run doctor -- ${hostStack} --canary\n` };
    const patient = parsed.canary ? withCanary(found) : found;
    const network = surroundings.network ?? realNetwork(parsed.resolver);
    const options = parsed.canary ? { budgetMs: CANARY_BUDGET_MS } : {};
    const look = () => examine(patient, network, parsed, options);
    if (parsed.form === "watch") {
      await watch({ examine: look, everySeconds: parsed.everySeconds, input, output });
      return { code: 0 };
    }
    return answer(parsed.form, await look(), surroundings);
  } catch (thrown) {
    if (thrown instanceof StackFileError) return { code: 1, stderr: `${thrown.message}\n` };
    throw thrown;
  }
}

function answer(
  form: Exclude<Arguments["form"], "watch">,
  examined: Examined,
  { output, environment }: Surroundings,
): Output {
  const code = exitCodeOf(examined.results);
  if (examined.results.length === 0)
    return { code: 2, stderr: "No check has an id that begins so. Their ids: npm run doctor -- STACK --json\n" };
  if (form === "json") return { code, stdout: renderJson(examined) };
  if (form === "table") {
    const colours = output.isTTY && (environment["NO_COLOR"] ?? "") === "";
    return { code, stdout: renderTable(examined, { colours, width: 80 }), ...(colours ? { styled: true } : {}) };
  }
  try {
    writeFileSync(form.html, renderHtml(examined));
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { code: 1, stderr: `${form.html} cannot be written (${reason}). There is no page. Name another file.\n` };
  }
  return { code, stdout: `${summaryOf(examined.results)}. Written to ${form.html}\n` };
}

/** The arguments, {@link HELP}, or what is wrong with them. */
function argumentsOf(args: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        html: { type: "string" },
        watch: { type: "boolean", default: false },
        every: { type: "string", default: String(DEFAULT_EVERY_SECONDS) },
        only: { type: "string", multiple: true, default: [] },
        canary: { type: "boolean", default: false },
        resolver: { type: "string", default: DEFAULT_RESOLVER },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return HELP;
    const [stack, ...more] = positionals;
    if (stack === undefined || more.length > 0) return `One stack name is needed, ${positionals.length} were given.`;
    if ([values.json, values.html !== undefined, values.watch].filter(Boolean).length > 1)
      return "--json, --html and --watch exclude each other.";
    const everySeconds = Number(values.every);
    if (!Number.isInteger(everySeconds) || everySeconds < LEAST_EVERY_SECONDS)
      return `--every takes whole seconds, ${LEAST_EVERY_SECONDS} or more.`;
    const address = values.resolver.replace(/^\[(.*)\](:\d+)?$|^([^:]*):\d+$/, "$1$3");
    if (isIP(address) === 0) return "--resolver takes an address, ADDRESS or ADDRESS:PORT.";
    const html = values.html === undefined ? undefined : { html: values.html };
    const form = html ?? (values.json ? "json" : values.watch ? "watch" : "table");
    return { stack, form, everySeconds, only: values.only, resolver: values.resolver, canary: values.canary };
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

if (require.main === module)
  void run(process.argv.slice(2), {
    environment: process.env,
    input: process.stdin,
    output: SCREEN,
  }).then(finish, crash);
