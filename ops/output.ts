/**
 * The commands' access to the terminal. Nothing else in ops writes to it (a lint rule checks that), and everything written here
 * is made visible text, wherever it comes from. Renderers also pass foreign values through `oneLine`, so that these cannot pretend
 * to be lines of the report.
 */
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import { visible } from "../infra/settings/visible";

/** A command's whole result. */
export interface Output {
  readonly code: 0 | 1 | 2 | 3;
  readonly stdout?: string;
  readonly stderr?: string;
  /** Standard output has the command's own colours and weights. */
  readonly styled?: true;
}

/** Weights and the eight colours (ECMA-48, SGR): they change how text looks and nothing else. */
// eslint-disable-next-line no-control-regex -- these are the controls
const STYLES = /(\u001b\[(?:[012]|3[0-7]|90)m)/;

/** Prints it, and lets the process end with its code. */
export function finish({ code, stdout, stderr, styled }: Output): void {
  if (stderr !== undefined) warn(stderr);
  if (stdout !== undefined && styled === true) process.stdout.write(visibleButStyles(stdout));
  else if (stdout !== undefined) print(stdout);
  process.exitCode = code;
}

/** An unexpected error; its message may contain foreign text too. */
export function crash(error: unknown): void {
  warn(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}

/** Writes to standard output. */
export function print(text: string): void {
  process.stdout.write(visible(text));
}

/** Writes to standard error. */
export function warn(text: string): void {
  process.stderr.write(visible(text));
}

/** Passes on another program's output. That program has no terminal, so a carriage return in its progress starts a new line. */
export function relay(stream: Readable, write: (text: string) => void): void {
  stream.setEncoding("utf8").on("data", (text: string) => write(text.replace(/\r\n?/g, "\n")));
}

/** Asks a person on the terminal; the end of the input is the empty answer. Questions go to `output`, by default standard error. */
export async function ask(
  question: string,
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  const lines = createInterface({ input, output });
  try {
    // At the end of the input readline answers no question, it only closes.
    const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    return await Promise.race([lines.question(visible(question)), ended]);
  } finally {
    lines.close();
  }
}

/** The terminal itself, for a command that draws a screen; it makes its own lines visible. */
export const SCREEN = process.stdout;

function visibleButStyles(text: string): string {
  return text
    .split(STYLES)
    .map((part, index) => (index % 2 === 1 ? part : visible(part)))
    .join("");
}
