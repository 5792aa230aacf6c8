import { parseArgs } from "node:util";
import { type Foreign, foreignValues, renderForeign } from "../infra/settings/foreign";
import { sharedHost } from "../infra/domain/shared-host";
import { KEYS, PROJECT } from "../infra/settings/keys";
import { type EffectiveValues, type ParseResult, renderProblems } from "../infra/settings/parse";
import { checkStackFile, readStackFile, stackDirectory, StackFileError } from "../infra/settings/stack-file";
import { finish, type Output } from "./output";

const USAGE = `Checks a stack file without running Pulumi and shows the settings in force.

  npm run settings -- STACK [--json]

STACK   name of the stack: prod reads Pulumi.prod.yaml
--json  prints JSON: { stack, ok, problems | settings, locked, warnings }
--help  prints this

Exit code: 0 all fine, 1 problems, 2 wrong usage. Secrets are never shown. Encrypted ones are not decrypted and not
checked; \`pulumi preview\` checks them.
`;

/** The command as a function of its arguments. */
export function run(args: readonly string[], directory?: string): Output {
  const parsed = parseUsage(args);
  if (typeof parsed === "string") return { code: 2, stderr: `${parsed}\n\n${USAGE}` };
  if (parsed.help) return { code: 0, stdout: USAGE };
  try {
    const result = checkStackFile(parsed.stack, directory === undefined ? {} : { directory });
    const { raw } = readStackFile(parsed.stack, directory);
    const shared = sharedHost(directory ?? stackDirectory(), parsed.stack, raw);
    const foreign = [...foreignValues(raw), ...(shared === undefined ? [] : [shared])];
    const text = parsed.json
      ? renderJson(result, foreign, parsed.stack)
      : renderText(result, parsed.stack) + renderWarnings(foreign);
    return { code: result.kind === "problems" ? 1 : 0, stdout: text };
  } catch (error) {
    if (error instanceof StackFileError) return { code: 1, stderr: `${error.message}\n` };
    throw error;
  }
}

function parseUsage(args: readonly string[]): { stack: string; json: boolean; help: boolean } | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
    });
    const [stack, ...more] = positionals;
    if (values.help) return { stack: "", json: false, help: true };
    if (stack === undefined || more.length > 0) return `One stack name is needed, ${positionals.length} were given.`;
    return { stack, json: values.json, help: false };
  } catch (error) {
    return (error as Error).message;
  }
}

function renderText(result: ParseResult<unknown>, stack: string): string {
  if (result.kind === "problems") return renderProblems(result.problems, stack);
  const table = renderTable(result.values);
  if (result.kind === "settings") return table;
  return `${table}\nEncrypted, so not checked here: ${result.keys.join(", ")}. \`pulumi preview --stack ${stack}\` checks them.\n`;
}

/** They do not change the exit code, because a report address elsewhere may be intended. */
function renderWarnings(foreign: readonly Foreign[]): string {
  return foreign.map((each) => `\nWarning: ${renderForeign(each)}\n`).join("");
}

function renderTable(values: EffectiveValues): string {
  const width = Math.max(...Object.keys(KEYS).map((name) => name.length));
  return Object.entries(values)
    .map(([name, value]) => `${name.padEnd(width)}  ${textOf(value)}`.trimEnd())
    .join("\n")
    .concat("\n");
}

function textOf(value: unknown): string {
  if (Array.isArray(value))
    return value.map((item: unknown) => (typeof item === "string" ? item : JSON.stringify(item))).join(", ");
  return String(value);
}

function renderJson(result: ParseResult<unknown>, foreign: readonly Foreign[], stack: string): string {
  const content =
    result.kind === "problems"
      ? {
          stack,
          ok: false,
          problems: result.problems.map((problem) => ({
            ...problem,
            command: problem.command.replaceAll("{stack}", () => stack),
          })),
        }
      : { stack, ok: true, settings: result.values, locked: result.kind === "locked" ? result.keys : [] };
  const warnings = foreign.map(({ key, ...rest }) => ({ key: `${PROJECT}:${key}`, ...rest }));
  return `${JSON.stringify({ ...content, warnings }, undefined, 2)}\n`;
}

if (require.main === module) finish(run(process.argv.slice(2)));
