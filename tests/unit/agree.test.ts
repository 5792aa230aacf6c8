import { PassThrough } from "node:stream";

import { agree } from "../../ops/agree";

/** A terminal on which somebody types that; undefined: the input ends. */
function person(typed: string | undefined, isTTY = true) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = new PassThrough();
  if (typed === undefined) input.end();
  else input.write(typed);
  return { input, output };
}

test.each([
  ["yes\n", true],
  [" yes \r\n", true],
  ["y\n", false],
  ["YES\n", false],
  ["no\n", false],
  ["\n", false],
  ["yes please\n", false],
  [undefined, false],
])("%j: %s", async (typed, agreed) => {
  const terminal = person(typed);
  expect(await agree("Do this? ", terminal)).toBe(agreed);
  expect(String(terminal.output.read())).toContain("Do this? ");
});

test("where nobody sits nothing is asked, whatever the input says", async () => {
  const pipe = person("yes\n", false);
  expect(await agree("Do this? ", pipe)).toBe(false);
  expect(pipe.output.read()).toBeNull();
});
