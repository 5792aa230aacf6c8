import { checksOf } from "../../ops/doctor/checks";
import { PUBLIC_AREAS } from "../doctor/areas";
import { BREAKS } from "../doctor/breaks";
import { type Lab, startLab } from "../doctor/lab";

const START_BUDGET_MS = 120_000;
/** The command may take ten seconds; decrypting and the start of node come on top of this. */
const RUN_BUDGET_MS = 7_500;
const LEAST_CHECKS = 40;

let lab: Lab;

beforeAll(async () => {
  lab = await startLab();
}, START_BUDGET_MS);
afterAll(() => lab.close());
afterEach(() => lab.heal());

const ofPublic = () => checksOf(lab.patient.deployment).filter(({ area }) => PUBLIC_AREAS.has(area));

async function faults(): Promise<readonly { id: string; status: string; current: string; remedy: string }[]> {
  const { results } = await lab.examine(ofPublic().map(({ id }) => id));
  return results.flatMap(({ check: { id }, finding: { status, current, remedy = "" } }) =>
    status === "error" || status === "warning" ? [{ id, status, current, remedy }] : [],
  );
}

test("a healthy deployment has no warning and no error, and is examined in time", async () => {
  const { results, ms } = await lab.examine(ofPublic().map(({ id }) => id));
  expect(results.filter(({ finding }) => finding.status !== "ok" && finding.status !== "skipped")).toEqual([]);
  expect(results.filter(({ finding }) => finding.status === "ok").length).toBeGreaterThanOrEqual(LEAST_CHECKS);
  // Only what is behind the tailnet.
  expect(results.filter(({ finding }) => finding.status === "skipped").map(({ check }) => check.id)).toEqual([
    "web.port.imaps",
    "web.port.submissions",
    "web.port.submission",
  ]);
  expect(ms).toBeLessThan(RUN_BUDGET_MS);
});

test("on a machine of the tailnet its ports are looked at", async () => {
  lab.web.addresses.set("stalwart.augustin.ai", "100.100.1.1");
  const { results } = await lab.examine(["web.port"]);
  expect(results.map(({ finding }) => finding.status)).toEqual(["ok", "ok", "ok"]);
});

test("what cannot be known is skipped, with the reason", async () => {
  lab.dns.validates = false;
  lab.web.deadPorts.add(25);
  const { results } = await lab.examine(["dnssec.chain", "exchange"]);
  const skips = results.filter(({ finding }) => finding.status === "skipped");
  expect(skips.map(({ check, finding }) => [check.id, finding.current])).toEqual([
    ["dnssec.chain", "this resolver does not validate; name one that does: --resolver 1.1.1.1"],
    ...[1, 2, 3].map((number) => [
      `exchange.route${number}.mx.cloudflare.net`,
      "port 25 is not reachable from here; most networks forbid it",
    ]),
  ]);
});

test("each public check has something that breaks it", () => {
  const broken = new Set(BREAKS.map(({ id }) => id));
  // Its fact is in the stack file: tests/unit/doctor.
  const elsewhere = ["policy.resend"];
  expect(
    ofPublic()
      .map(({ id }) => id)
      .filter((id) => !broken.has(id)),
  ).toEqual(elsewhere);
});

test.each(BREAKS)("$id: $what", async ({ id, status, current, remedy, apply }) => {
  apply(lab);
  const found = await faults();
  expect(found.map((fault) => fault.id)).toEqual([id]);
  const [fault] = found;
  expect(fault?.status).toBe(status);
  expect(fault?.current).toMatch(current);
  expect(fault?.remedy).toMatch(remedy);
});
