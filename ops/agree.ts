import { ask, SCREEN } from "./output";

/** Where a person reads and types. */
export interface Person {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

/**
 * Asks a person. True for exactly `yes`: an empty line, the end of the input and an input that is not a terminal mean no,
 * so that a script or a cron job never agrees to anything.
 */
export async function agree(
  question: string,
  { input, output }: Person = { input: process.stdin, output: SCREEN },
): Promise<boolean> {
  return input.isTTY === true && (await ask(question, input, output)).trim() === "yes";
}
