import { AREAS } from "./check";
import { byArea, countOf, type Examined, faultsOf, renderFault, renderResult, type Style, summaryOf } from "./report";

/** The terminal's other screen, so that what was there comes back at the end. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const TICK_MS = 1_000;
/** In raw mode Ctrl-C and Ctrl-D are keys like others. */
const END_KEYS = ["q", "\u0003", "\u0004"];

export interface WatchOptions {
  readonly examine: () => Promise<Examined>;
  /** Between the end of one examination and the start of the next. */
  readonly everySeconds: number;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** Shows the report again and again until q, Ctrl-C or Ctrl-D, or until the terminal is closed. `r` examines at once. */
export async function watch({ examine, everySeconds, input, output }: WatchOptions): Promise<void> {
  let examined: Examined | undefined;
  let next = 0;
  let wake: () => void = () => undefined;
  const ended = new AbortController();
  const end = () => {
    ended.abort();
    wake();
  };
  const isOver = () => ended.signal.aborted;
  const left = new Promise<void>((resolve) => ended.signal.addEventListener("abort", () => resolve()));
  const draw = () => {
    const seconds = Math.max(0, Math.ceil((next - Date.now()) / 1000));
    const state = next === 0 ? "examining" : `next in ${seconds} s`;
    const screen = page(examined, state, { colours: true, width: output.columns || 80 }, output.rows || 24);
    output.write(`${HOME}${screen.map((line) => `${line}${CLEAR_LINE}`).join("\n")}${CLEAR_BELOW}`);
  };
  // What was typed before this program asked for it, or fast, arrives in one piece.
  const onKeys = (keys: Buffer) => {
    for (const key of keys.toString("latin1")) {
      if (END_KEYS.includes(key)) end();
      if (key === "r" && next !== 0) next = Date.now();
    }
    wake();
  };
  const tick = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, TICK_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  input.setRawMode(true);
  input.on("data", onKeys).once("end", end).resume();
  output.on("resize", draw);
  output.write(ENTER);
  try {
    while (!isOver()) {
      next = 0;
      draw();
      await Promise.race([examine().then((result) => void (examined = result)), left]);
      next = Date.now() + everySeconds * 1000;
      while (!isOver() && Date.now() < next) {
        draw();
        await tick();
      }
    }
  } finally {
    output.write(LEAVE);
    output.off("resize", draw);
    input.off("data", onKeys).off("end", end).pause();
    input.setRawMode(false);
  }
}

/** What fits the screen: the areas in one line each, then what is not fine, in one line each if need be, then the keys. */
export function page(examined: Examined | undefined, state: string, style: Style, rows: number): readonly string[] {
  const foot = `${state}   r now   q quit`;
  if (examined === undefined) return ["The first examination takes some seconds.", "", foot].slice(0, rows);
  const { domain, stack, at, results } = examined;
  const areas = byArea(results).map(([area, ofArea]) => {
    const [ok, bad, skipped] = [countOf(ofArea, "ok"), faultsOf(ofArea).length, countOf(ofArea, "skipped")];
    const others = [bad > 0 ? `${bad} not` : "", skipped > 0 ? `${skipped} skipped` : ""].filter(Boolean);
    return `  ${mark(bad, ok, style)}  ${AREAS[area].padEnd(32)}${[`${String(ok).padStart(3)} ok`, ...others].join(", ")}`;
  });
  const head = [`${domain} (stack ${stack}), ${at.toISOString().slice(0, 19)}Z`, summaryOf(results), "", ...areas, ""];
  const room = Math.max(0, rows - head.length - 2);
  const faults = faultsOf(results);
  const whole = faults.flatMap((result) => renderResult(result, style));
  const lines = whole.length <= room ? whole : faults.map((result) => renderFault(result, style));
  const hint = `  What mends them: npm run doctor -- ${stack}`;
  const shown =
    lines === whole || lines.length + 1 <= room
      ? [...lines, ...(lines === whole ? [] : [hint])]
      : [
          ...lines.slice(0, Math.max(0, room - 1)),
          `  ... and ${lines.length - room + 1} more: npm run doctor -- ${stack}`,
        ];
  const body = [...head, ...shown].slice(0, Math.max(0, rows - 2));
  return [...body, "", foot].slice(0, rows);
}

function mark(bad: number, ok: number, { colours }: Style): string {
  const [sign, colour] = bad > 0 ? ["✗", "31"] : ok > 0 ? ["✓", "32"] : ["-", "90"];
  return colours ? `\u001b[${colour}m${sign}\u001b[0m` : sign;
}
