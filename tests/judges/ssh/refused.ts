import type { Ended } from "./host";

export const NOTHING = "Nothing was installed and nothing was restarted.";

/** Fact, consequence, next command, and nothing on stdout, which the provider shows as well. */
export function refused({ code, stdout, stderr }: Ended, fact: RegExp, consequence: string, next: RegExp): void {
  expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(fact) as string });
  const lines = stderr.trimEnd().split("\n");
  expect(lines.at(-2)).toContain(consequence);
  expect(lines.at(-1)).toMatch(next);
  expect(lines.length).toBeLessThanOrEqual(23);
}
