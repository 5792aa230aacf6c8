import { createKnownIds } from "../../worker/src/known-ids";
import { World } from "./model";

/** Bucket operations that fail while it is asked by which way a message goes. */

const DAYS_MS = 48 * 3_600_000;

/** The ways of the first message and of another one with its id; `failing` fails for the second. */
async function waysWith(failing: "first put" | "get" | "second put", isShared = false): Promise<readonly string[]> {
  const world = new World();
  const { bucket } = world.actor();
  let puts = 0;
  let isBroken = false;
  const broken = () => Promise.reject(new Error("R2 does not answer"));
  const ids = createKnownIds(
    {
      ...bucket,
      get: (key) => (isBroken && failing === "get" ? broken() : bucket.get(key)),
      put: (key, value, options) => {
        puts++;
        const isIt = failing === (puts === 1 ? "first put" : "second put");
        return isBroken && isIt ? broken() : bucket.put(key, value, options);
      },
    },
    world.clock,
  );
  const first = await ids.wayOf("a@b", "owner", "one");
  if (isShared) await ids.wayOf("a@b", "owner", "other");
  world.now += DAYS_MS;
  puts = 0;
  isBroken = true;
  return [first, await ids.wayOf("a@b", "owner", "other")];
}

test.each<[failing: "first put" | "get" | "second put", way: string]>([
  ["first put", "direct"],
  // The id is known, and not whose it is: it is not delivered by a way on which it might be dropped.
  ["get", "wait"],
  ["second put", "wait"],
])("the %s fails: %s", async (failing, way) => {
  expect(await waysWith(failing)).toEqual(["direct", way]);
});

test("an id that is shared is not written again: the message is imported all the same", async () => {
  expect(await waysWith("second put", true)).toEqual(["direct", "import"]);
});
