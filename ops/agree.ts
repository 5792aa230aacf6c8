import { createInterface } from "node:readline/promises";

/** Where a person reads and types. */
export interface Person {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

/**
 * Asks a person. True for exactly `yes`: an empty line, the end of the input and an input that is no terminal are a no,
 * so that a script or a cron job never agrees to anything.
 */
export async function agree(
  question: string,
  { input, output }: Person = { input: process.stdin, output: process.stdout },
): Promise<boolean> {
  if (input.isTTY !== true) return false;
  const lines = createInterface({ input, output });
  try {
    // At the end of the input readline answers no question, it only closes.
    const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    return (await Promise.race([lines.question(question), ended])).trim() === "yes";
  } finally {
    lines.close();
  }
}
