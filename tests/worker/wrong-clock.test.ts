import { begin, readBegun } from "../../worker/src/begun";
import { createLedger } from "../../worker/src/ledger";
import { createPauses, writePause } from "../../worker/src/pauses";
import { World } from "./model";

/** A clock that ran a year ahead for a while: what was written then holds nothing up. */

const YEAR_MS = 365 * 24 * 3_600_000;
const NAME = "2026-01-02T03:04:05.000Z-00000000.eml";
const COPY = { trace: "a".repeat(32), since: 1 };

let world: World;

beforeEach(() => {
  world = new World();
  world.now += YEAR_MS;
});

test("a claim is over, and its copy is named", async () => {
  const ledger = createLedger(world.actor().bucket, world.clock);
  await ledger.claim(["account"], COPY);
  expect((await ledger.claim(["account"], COPY)).kind).toBe("busy");
  world.now -= YEAR_MS;
  expect(await ledger.claim(["account"], COPY)).toMatchObject({ kind: "mine", earlier: { traces: [COPY.trace] } });
});

test("a Message-ID makes no message wait", async () => {
  const { ids } = createLedger(world.actor().bucket, world.clock);
  expect(await ids.wayOf("a@b", "owner", "one")).toBe("direct");
  world.now -= YEAR_MS;
  expect(await ids.wayOf("a@b", "owner", "other")).toBe("import");
});

test("a pause is over", async () => {
  const { bucket } = world.actor();
  await writePause(bucket, world.clock, NAME, "reason");
  world.now -= YEAR_MS;
  expect(await createPauses(bucket, world.clock, () => true).of(NAME)).toBe(0);
});

test("a mark makes its message a suspect, which may have its turn", async () => {
  const { bucket } = world.actor();
  await begin(bucket, world.clock, NAME, undefined, true);
  world.now -= YEAR_MS;
  expect((await readBegun(bucket, world.clock)).get(NAME)).toMatchObject({ at: 0, isAlone: true });
});
