import { parseArgs } from "node:util";

import { StackFileError } from "../infra/settings/stack-file";
import { crash, finish, type Output } from "./output";
import { type Entry, meant, readEntries, retryKey, waitingKey } from "./spool/entries";
import { exportAll } from "./spool/export";
import { openSpool, SpoolError, type SpoolObjects, spoolPlace } from "./spool/objects";
import { renderEntry, renderJson, renderTable } from "./spool/render";

const USAGE = `Usage: npm run spool -- STACK COMMAND

Shows the mail that waits at Cloudflare because home did not take it.

  list             every message, the oldest first
  show KEY         what is known of one message, and its header fields
  retry KEY        try it at the next run of the clock instead of later; a dead
                   message becomes one that waits again. Says what it would do,
                   and does it with --yes
  export [FOLDER]  write every message as .eml with a .json beside it, below
                   FOLDER (spool-export); nothing in the spool changes

  --json           list as JSON, with whole keys
  --yes            let retry change something
  --help           this text

KEY is a key, a name or the eight digits of the list. The account and domain
are those of the stack file, the token is that of CLOUDFLARE_API_TOKEN.

Exit codes: 0 done, 1 not done, 2 wrong usage.
`;

const DEFAULT_FOLDER = "spool-export";
const HELP = "help";

interface Arguments {
  readonly stack: string;
  readonly command: "list" | "show" | "retry" | "export";
  /** KEY or FOLDER. */
  readonly subject: string | undefined;
  readonly json: boolean;
  readonly yes: boolean;
}

/** The command as a function of its arguments and its environment. */
export async function run(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Output> {
  const parsed = argumentsOf(args);
  if (parsed === HELP) return { code: 0, stdout: USAGE };
  if (typeof parsed === "string") return { code: 2, stderr: `${parsed}\n\n${USAGE}` };
  try {
    const objects = openSpool(spoolPlace(parsed.stack, environment), environment);
    return { code: 0, stdout: await answer(parsed, objects) };
  } catch (error) {
    if (error instanceof SpoolError || error instanceof StackFileError)
      return { code: 1, stderr: `${error.message}\n` };
    throw error;
  }
}

async function answer({ command, subject = "", json, yes }: Arguments, objects: SpoolObjects): Promise<string> {
  const now = new Date();
  const entries = await readEntries(objects);
  switch (command) {
    case "list":
      return json ? renderJson(entries, now) : renderTable(entries, now);
    case "show": {
      const entry = meant(entries, subject);
      return renderEntry(entry, (await objects.get(entry.key)) ?? Buffer.alloc(0), now);
    }
    case "retry":
      return await retry(objects, entries, meant(entries, subject), yes);
    case "export": {
      const folder = subject === "" ? DEFAULT_FOLDER : subject;
      const written = await exportAll(objects, entries, folder);
      return `Wrote ${written} of ${entries.length} messages below ${folder}. The spool is as it was.\n`;
    }
  }
}

/** The copy first, the original last: what fails in between leaves one message too many, and never none. */
async function retry(
  objects: SpoolObjects,
  entries: readonly Entry[],
  { key, state, attempts, next }: Entry,
  yes: boolean,
): Promise<string> {
  const isPaused = attempts > 0 || next !== undefined;
  if (state === "waiting" && !isPaused) return `${key} is tried at the next run of the clock anyway. Nothing to do.\n`;
  const target = waitingKey(key);
  const change = state === "dead" ? `move ${key} to ${target}` : `forget the pause of ${key}`;
  if (!yes) return `Would ${change}. Nothing was changed; do it with --yes.\n`;
  // A copy that waits already knows more of its envelope than one that is put there now.
  if (state === "dead" && !entries.some((entry) => entry.key === target)) {
    const bytes = await objects.get(key);
    if (bytes === undefined) throw new SpoolError(`${key} is gone. Nothing was changed. Look again: list`);
    await objects.put(target, bytes);
  }
  await objects.delete(retryKey(key));
  if (state === "dead") await objects.delete(key);
  return `Did ${change}. It is tried at the next run of the clock, within five minutes.\n`;
}

/** The arguments, {@link HELP}, or what is wrong with them. */
function argumentsOf(args: readonly string[]): Arguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        yes: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return HELP;
    const [stack, command, subject, ...more] = positionals;
    if (stack === undefined || command === undefined) return "A stack and a command are needed.";
    if (command !== "list" && command !== "show" && command !== "retry" && command !== "export")
      return `${JSON.stringify(command)} is no command. Allowed: list, show, retry, export.`;
    if (more.length > 0 || (command === "list" && subject !== undefined)) return "There are too many arguments.";
    if ((command === "show" || command === "retry") && subject === undefined) return `${command} needs a KEY.`;
    return { stack, command, subject, json: values.json, yes: values.yes };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

if (require.main === module) void run(process.argv.slice(2), process.env).then(finish, crash);
