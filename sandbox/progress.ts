import { oneLine, visible } from "../infra/settings/visible";

/** How a person follows a long run: one line per step with its time, and a living line on a terminal. */
export interface Progress {
  /** Runs a step, shows its name while it runs and its time when it ends; `tell` refines the name. */
  step<T>(name: string, work: (tell: (detail: string) => void) => Promise<T> | T): Promise<T>;
  /** A line of its own. */
  say(text: string): void;
}

const REDRAW_MS = 500;
/** Without a terminal a line every so often shows that a long step is alive. */
const HEARTBEAT_MS = 30_000;
const WIDTH = 80;

/** Progress on standard error, so that standard output stays for results. */
export function progressOn(stream: NodeJS.WriteStream = process.stderr): Progress {
  const live = stream.isTTY;
  return {
    say: (text) => void stream.write(`${visible(text)}\n`),
    async step(name, work) {
      const started = performance.now();
      let detail = "";
      const line = (mark: string) =>
        oneLine(`${mark} ${name}${detail === "" ? "" : `: ${detail}`}`)
          .slice(0, WIDTH - 9)
          .padEnd(WIDTH - 9) + seconds(started).padStart(8);
      if (live) stream.write(line("…"));
      const timer = setInterval(
        () => stream.write(live ? `\r${line("…")}` : `${line("…")}\n`),
        live ? REDRAW_MS : HEARTBEAT_MS,
      );
      const end = (mark: string) => {
        clearInterval(timer);
        stream.write(`${live ? "\r" : ""}${line(mark)}\n`);
      };
      try {
        const result = await work((text) => (detail = text));
        detail = "";
        end("✓");
        return result;
      } catch (error) {
        end("✗");
        throw error;
      }
    },
  };
}

/** For tests and `--json`: nothing is shown. */
export const silent: Progress = { say: () => undefined, step: async (_name, work) => work(() => undefined) };

function seconds(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}
