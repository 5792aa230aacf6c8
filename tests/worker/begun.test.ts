import { begin, readBegun } from "../../worker/src/begun";
import { World } from "./model";

/** R2 ends a page with metadata when it likes; the model does after two objects. */

test("every mark is read, however short the pages are: a message with one that is not would be under way for ever", async () => {
  const world = new World();
  const { bucket } = world.actor();
  const names = Array.from({ length: 7 }, (_, id) => `2026-01-02T03:04:05.000Z-0000000${id}.eml`);
  for (const name of names) expect(await begin(bucket, world.clock, name, undefined, false)).toBe(true);
  const marks = await readBegun(bucket, world.clock);
  expect([...marks.keys()]).toEqual(names);
  const [name = ""] = names.slice(-1);
  expect(await begin(bucket, world.clock, name, marks.get(name), true)).toBe(true);
});
