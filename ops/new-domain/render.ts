import { oneLine } from "../../infra/settings/visible";
import type { Prepared } from "./prepare";
import type { Change } from "./stack-file";

const WIDTH = 80;
const STATE_WIDTH = "would be made".length;
const WHAT_WIDTH = 7;

/** What was done, how the stack file differs, and the next command; no wider than a terminal but for commands. */
export function renderText(
  { domain, stack, host, file, steps, changes, open, next }: Prepared,
  dryRun: boolean,
): string {
  const title = `${domain}: stack ${stack}${host === undefined ? "" : ` on the host of ${host}`}`;
  const rows = steps.map(({ what, state, detail }) =>
    cut(`  ${what.padEnd(WHAT_WIDTH)} ${state.padEnd(STATE_WIDTH)} ${detail}`),
  );
  const diff = changes.flatMap(diffOf).map(cut);
  return [
    title,
    ...rows,
    "",
    diff.length === 0 ? `${file} stays as it is.` : file,
    ...diff,
    "",
    ...(open.length === 0 ? [] : ["Still to be set, by you:", ...open.map((command) => `  ${command}`), ""]),
    dryRun ? "Nothing was changed. Do it by leaving out --dry-run." : `Nothing is deployed yet. Next: ${next}`,
    "",
  ].join("\n");
}

function diffOf({ key, from, to }: Change): string[] {
  return [...linesOf(key, from).map((line) => `- ${line}`), ...linesOf(key, to).map((line) => `+ ${line}`)];
}

/** A list has a line for each item. */
function linesOf(key: string, value: string | undefined): string[] {
  if (value === undefined) return [];
  if (!value.startsWith("[{")) return [`${key}: ${value}`];
  const items = JSON.parse(value) as readonly Readonly<Record<string, unknown>>[];
  return items.map(({ type, name, value: text }) => `${key}: ${String(type)} ${String(name)} ${String(text)}`);
}

function cut(line: string): string {
  const shown = oneLine(line);
  return shown.length > WIDTH ? `${shown.slice(0, WIDTH - 3)}...` : shown;
}
