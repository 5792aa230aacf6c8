/** `npm run topology`: a picture of the deployment, from what the program declares. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { StackFileError } from "../infra/settings/stack-file";
import { crash, finish, type Output } from "./output";
import { publicStack } from "./public-settings";
import { renderMermaid } from "./topology/mermaid";
import { stackGraph, titleOf } from "./topology/stack";
import { renderSvg } from "./topology/svg";

const USAGE = `Usage: npm run topology -- STACK [--mermaid | --json | --svg FILE]

Draws a stack's deployment: the program runs without an engine or an account,
and what it declares and ships to the host becomes boxes and arrows.

  --mermaid   text for a Mermaid fence, on standard output (the default)
  --json      boxes and arrows as JSON
  --svg FILE  a picture, written to FILE
  --help      this text

Exit codes: 0 done, 1 not done, 2 wrong usage.
`;

interface Asked {
  readonly stack: string;
  readonly json: boolean;
  readonly svg: string | undefined;
}

/** The command as a function of its arguments. */
export async function run(args: readonly string[]): Promise<Output> {
  const asked = argumentsOf(args);
  if (asked === "help") return { code: 0, stdout: USAGE };
  if ("fault" in asked) return { code: 2, stderr: `${asked.fault}\n\n${USAGE}` };
  try {
    const { settings, host } = publicStack(asked.stack);
    const graph = await stackGraph(settings, asked.stack, host);
    if (asked.json) return { code: 0, stdout: `${JSON.stringify(graph, undefined, 2)}\n` };
    if (asked.svg === undefined) return { code: 0, stdout: renderMermaid(graph) };
    return written(asked.svg, renderSvg(graph, titleOf(settings)));
  } catch (error) {
    if (error instanceof StackFileError) return { code: 1, stderr: `${error.message}\n` };
    throw error;
  }
}

function written(file: string, svg: string): Output {
  try {
    writeFileSync(file, svg);
    return { code: 0, stdout: `written  ${file}\n` };
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    return { code: 1, stderr: `${file} cannot be written (${code}). Name another file after --svg.\n` };
  }
}

function argumentsOf(args: readonly string[]): Asked | "help" | { readonly fault: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        mermaid: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        svg: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return "help";
    const [stack, ...more] = positionals;
    if (stack === undefined) return { fault: "A stack is needed." };
    if (more.length > 0) return { fault: "There are too many arguments." };
    const forms = [values.mermaid, values.json, values.svg !== undefined].filter((isAsked) => isAsked);
    if (forms.length > 1 || values.svg === "") return { fault: "One of --mermaid, --json and --svg FILE is allowed." };
    return { stack, json: values.json, svg: values.svg };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

if (require.main === module) void run(process.argv.slice(2)).then(finish, crash);
