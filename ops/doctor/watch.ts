import { AREAS } from "./check";
import { byArea, countOf, type Examined, renderResult, type Style, summaryOf } from "./report";

/** The terminal's other screen, so that what was there comes back at the end. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const TICK_MS = 1_000;

export interface WatchOptions {
  readonly examine: () => Promise<Examined>;
  /** Between the end of one examination and the start of the next. */
  readonly everySeconds: number;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** Shows the report again and again until q or Ctrl-C. */
export async function watch({ examine, everySeconds, input, output }: WatchOptions): Promise<void> {
  let examined: Examined | undefined;
  let next = 0;
  const quit = new AbortController();
  const isOver = () => quit.signal.aborted;
  let wake: () => void = () => undefined;
  const draw = () => {
    const left = Math.max(0, Math.ceil((next - Date.now()) / 1000));
    const state = next === 0 ? "examining" : `next in ${left} s`;
    const screen = page(examined, state, { colours: true, width: output.columns || 80 }, output.rows || 24);
    output.write(`${HOME}${screen.map((line) => `${line}${CLEAR_LINE}`).join("\n")}${CLEAR_BELOW}`);
  };
  const onKey = (key: Buffer) => {
    const text = key.toString("latin1");
    if (text === "q" || text === "\u0003") quit.abort();
    if (text === "r") next = Date.now();
    wake();
  };
  input.setRawMode(true);
  input.on("data", onKey).resume();
  output.on("resize", draw);
  output.write(ENTER);
  try {
    while (!isOver()) {
      next = 0;
      draw();
      const done = examine().then((result) => void (examined = result));
      await Promise.race([done, until(isOver)]);
      next = Date.now() + everySeconds * 1000;
      while (!isOver() && Date.now() < next) {
        draw();
        await pause(TICK_MS);
      }
    }
  } finally {
    output.write(LEAVE);
    output.off("resize", draw);
    input.off("data", onKey).pause();
    input.setRawMode(false);
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await pause(TICK_MS);
  }
}

/** What fits the screen: the areas in one line each, then what is not fine, then the keys. */
export function page(examined: Examined | undefined, state: string, style: Style, rows: number): readonly string[] {
  const foot = `${state}   r now   q quit`;
  if (examined === undefined) return ["", `  ${foot}`].slice(0, rows);
  const { domain, stack, at, results } = examined;
  const areas = byArea(results).map(([area, ofArea]) => {
    const bad = ofArea.filter(({ finding }) => finding.status === "error" || finding.status === "warning").length;
    const ok = countOf(ofArea, "ok");
    return `  ${mark(bad, ok)}  ${AREAS[area].padEnd(32)}${String(ok).padStart(3)} ok${bad > 0 ? `, ${bad} not` : ""}`;
  });
  const faults = results
    .filter(({ finding }) => finding.status === "error" || finding.status === "warning")
    .flatMap((result) => renderResult(result, style));
  const head = [`${domain} (stack ${stack}), ${at.toISOString().slice(0, 19)}Z`, summaryOf(results), "", ...areas, ""];
  const room = Math.max(0, rows - head.length - 2);
  const shown =
    faults.length <= room
      ? faults
      : [
          ...faults.slice(0, Math.max(0, room - 1)),
          `  ... ${faults.length - room + 1} lines more: npm run doctor -- ${stack}`,
        ];
  const body = [...head, ...shown].slice(0, Math.max(0, rows - 2));
  return [...body, "", foot].slice(0, rows);
}

function mark(bad: number, ok: number): string {
  if (bad > 0) return "\u001b[31m✗\u001b[0m";
  return ok > 0 ? "\u001b[32m✓\u001b[0m" : "\u001b[90m-\u001b[0m";
}
