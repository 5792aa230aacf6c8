import type { Area, Credential } from "../../ops/doctor/check";
import { checksOf } from "../../ops/doctor/checks";
import { faultsOf, type Inside, startInside } from "../doctor/inside";
import { WORLD_BREAKS } from "../doctor/world-breaks";

const START_MS = 120_000;
/** Of the ten seconds of the whole command. */
const RUN_MS = 5_000;
const AREAS: ReadonlySet<Area> = new Set<Area>(["edge", "tunnel", "spool"]);

let inside: Inside;
beforeAll(async () => {
  inside = await startInside();
}, START_MS);
afterAll(() => inside.close());

const checks = () => checksOf(inside.patient.deployment).filter(({ area }) => AREAS.has(area));

test("a healthy account has no warning, nothing is skipped, and it is examined in time", async () => {
  const start = Date.now();
  const results = await inside.look(AREAS);
  expect(results.filter(({ finding }) => finding.status !== "ok")).toEqual([]);
  expect(Date.now() - start).toBeLessThan(RUN_MS);
});

test("no secret is in what is said", async () => {
  const text = JSON.stringify(await inside.look(AREAS));
  const { CLOUDFLARE_API_TOKEN: token } = inside.patient.environment ?? {};
  for (const secret of [token ?? "", "cfast_", "tunnelSecret"]) expect(text).not.toContain(secret);
});

test("without a token every one of them is skipped, and says what is needed", async () => {
  const results = await inside.look(AREAS, new Date(), new Map<Credential, string>([["cloudflare", "needs it"]]));
  expect(results.length).toBe(checks().length);
  expect(results.every(({ finding }) => finding.status === "skipped" && finding.current === "needs it")).toBe(true);
});

test("a token that the account refuses is the one error", async () => {
  const { environment = {} } = inside.patient;
  const before = environment["CLOUDFLARE_API_TOKEN"];
  environment["CLOUDFLARE_API_TOKEN"] = "another";
  try {
    const results = await inside.look(AREAS);
    expect(faultsOf(results)).toEqual([
      expect.objectContaining({ id: "edge.token", status: "error", current: "refused" }),
    ]);
  } finally {
    environment["CLOUDFLARE_API_TOKEN"] = before;
  }
});

test("each check has something that breaks it", () => {
  const broken = new Set(WORLD_BREAKS.map(({ id }) => id));
  // The sandbox's account has one zone, always active; 5 GiB are too many for a test.
  const others = ["edge.zone", "spool.size"];
  const ids = checks().map(({ id }) => id);
  expect(ids.filter((id) => !broken.has(id)).sort()).toEqual(others);
});

test.each(WORLD_BREAKS)("$id: $what", async ({ id, status, current, remedy, change }) => {
  const undo = await change(inside.outside.world);
  const found = faultsOf(await inside.look(AREAS));
  await undo();
  expect(found).toEqual([
    { id, status, current: expect.stringMatching(current) as string, remedy: expect.stringMatching(remedy) as string },
  ]);
});
