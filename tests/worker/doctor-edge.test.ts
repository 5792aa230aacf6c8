import type { Area } from "../../ops/doctor/check";
import { faultsOf, type Inside, startInside } from "../doctor/inside";

const START_MS = 120_000;
const EDGE: ReadonlySet<Area> = new Set<Area>(["edge", "tunnel", "spool"]);
let inside: Inside;
beforeAll(async () => {
  inside = await startInside();
}, START_MS);
afterAll(() => inside.close());

test("a healthy account has no warning and nothing is skipped", async () => {
  const results = await inside.look(EDGE);
  expect(faultsOf(results)).toEqual([]);
  console.log(results.map(r=>[r.check.id,r.finding.status,r.finding.current,r.ms].join(" | ")).join("\n"));
  expect(results.filter(({ finding }) => finding.status !== "ok")).toEqual([]);
});
