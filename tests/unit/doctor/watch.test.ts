import { PassThrough } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";

import type { Examined } from "../../../ops/doctor/report";
import { watch } from "../../../ops/doctor/watch";

const EXAMINED: Examined = {
  ...{ stack: "prod", domain: "example.org", hostStack: undefined, at: new Date(0), ms: 1, results: [] },
};
const HOUR_SECONDS = 3_600;

/** A terminal: what was typed goes in, what is drawn comes out. */
function terminal() {
  const raw: boolean[] = [];
  const keys = new PassThrough();
  const screen = new PassThrough();
  const drawn: string[] = [];
  screen.on("data", (bytes: Buffer) => drawn.push(bytes.toString()));
  const input = Object.assign(keys, { setRawMode: (mode: boolean) => raw.push(mode) }) as unknown as ReadStream;
  return { keys, raw, drawn, input, output: screen as unknown as WriteStream };
}

const forever = () => new Promise<Examined>(() => undefined);

test.each<[what: string, keys: string]>([
  ["q", "q"],
  ["Ctrl-C", "\u0003"],
  ["Ctrl-D", "\u0004"],
  // A terminal hands over what was typed before it was asked in one piece.
  ["q and the end of what was piped in", "q\u0004"],
  ["keys typed fast", "xrq"],
])("%s ends it, even while it examines", async (_what, typed) => {
  const { keys, raw, drawn, input, output } = terminal();
  keys.write(typed);
  await watch({ examine: forever, everySeconds: HOUR_SECONDS, input, output });
  expect(raw).toEqual([true, false]);
  expect(drawn.at(-1)).toMatch(/\[\?1049l$/);
});

test("a terminal that is closed ends it", async () => {
  const { keys, input, output } = terminal();
  keys.end();
  await watch({ examine: forever, everySeconds: HOUR_SECONDS, input, output });
});

test("r examines again before the time has come, and another key does not", async () => {
  const { keys, input, output } = terminal();
  let examinations = 0;
  const examine = () => Promise.resolve(EXAMINED).finally(() => (examinations += 1));
  const done = watch({ examine, everySeconds: HOUR_SECONDS, input, output });
  const press = async (key: string) => {
    keys.write(key);
    await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await press("x");
  expect(examinations).toBe(1);
  await press("r");
  expect(examinations).toBe(2);
  await press("q");
  await done;
});
