import { oneLine, visible } from "../../../infra/settings/visible";

const EVERY_MS = 500;
const CLEAR_LINE = "\r\u001b[K";

/** Where progress is shown; a terminal or not. */
export interface Terminal {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
}

/** The stream with visible text only, because names of accounts, mailboxes and files are foreign. Progress may clear its line. */
export function visibleOn(stream: NodeJS.WriteStream): Terminal {
  return {
    write: (text) =>
      stream.write(text.startsWith(CLEAR_LINE) ? CLEAR_LINE + visible(text.slice(CLEAR_LINE.length)) : visible(text)),
    isTTY: stream.isTTY,
  };
}

/** One line that is rewritten, on a terminal only. */
export function progressOn(terminal: Terminal): { readonly show: (text: string) => void; readonly end: () => void } {
  let [last, isShown] = [0, false];
  return {
    show(text) {
      if (terminal.isTTY !== true || Date.now() - last < EVERY_MS) return;
      last = Date.now();
      isShown = true;
      terminal.write(`${CLEAR_LINE}${oneLine(text)}`);
    },
    end() {
      if (isShown) terminal.write(CLEAR_LINE);
      isShown = false;
    },
  };
}

/** The decimal unit that a person reads: `12.3 MB`. */
export function readableBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1_000 && unit < units.length - 1) [value, unit] = [value / 1_000, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}
