import type { Area } from "../../ops/doctor/check";
import { checksOf } from "../../ops/doctor/checks";
import { HOST_BREAKS } from "../doctor/host-breaks";
import { faultsOf, type Inside, startInside } from "../doctor/inside";

const START_MS = 120_000;
const BREAK_MS = 60_000;
/** Of the ten seconds of the whole command. */
const RUN_MS = 7_500;
const AREAS: ReadonlySet<Area> = new Set<Area>(["host", "stalwart", "backup"]);

let inside: Inside;
beforeAll(async () => {
  inside = await startInside();
  inside.backUp();
}, START_MS);
afterAll(() => inside.close());

const checks = () => checksOf(inside.patient.deployment).filter(({ area }) => AREAS.has(area));

test("a healthy host has no warning, nothing is skipped, and it is examined in time", async () => {
  const start = Date.now();
  const results = await inside.look(AREAS);
  expect(results.filter(({ finding }) => finding.status !== "ok")).toEqual([]);
  expect(Date.now() - start).toBeLessThan(RUN_MS);
});

test("no secret is in what is said", async () => {
  const text = JSON.stringify(await inside.look(AREAS));
  const { stalwart, resend, host } = inside.patient.deployment.settings;
  for (const secret of [stalwart.adminPassword, stalwart.accountPassword, resend.apiKey, host.sshPrivateKey])
    expect(text).not.toContain(secret.reveal());
});

test("each check has something that breaks it", () => {
  const broken = new Set(HOST_BREAKS.map(({ id }) => id));
  const ids = checks().map(({ id }) => id);
  expect(ids.filter((id) => !broken.has(id))).toEqual([]);
});

test.each(HOST_BREAKS)(
  "$id: $what",
  async ({ id, status, current, remedy, apply, laterMs = 0 }) => {
    const undo = await apply(inside);
    const found = faultsOf(await inside.look(AREAS, new Date(Date.now() + laterMs)));
    await undo();
    expect(found).toEqual([
      {
        id,
        status,
        current: expect.stringMatching(current) as string,
        remedy: expect.stringMatching(remedy) as string,
      },
    ]);
  },
  BREAK_MS,
);
