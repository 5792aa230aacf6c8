import { checksOf } from "../../ops/doctor/checks";
import { deploymentOf } from "../../ops/doctor/examine";
import { settingsOf } from "../../infra/settings/stack-file";
import { standIns } from "../../sandbox/stand-ins";
import { OTHER_BREAKS, OTHER_VALUES } from "../doctor/breaks/other";
import { testBreaks, withLab } from "../doctor/judge";

const lab = withLab({ values: OTHER_VALUES });
const ids = (deployment: Parameters<typeof checksOf>[0]) => checksOf(deployment).map(({ id }) => id);

test("a healthy deployment with other settings, half way through a rotation, is ok in everything", async () => {
  const results = await lab().look();
  expect(results.filter(({ finding }) => finding.status !== "ok")).toEqual([]);
});

test("each check that only such settings have has something that breaks it", () => {
  const documented = new Set(ids(deploymentOf("prod", settingsOf("prod", standIns("prod")))));
  const own = ids(lab().patient.deployment).filter((id) => !documented.has(id));
  expect([...new Set(OTHER_BREAKS.map(({ id }) => id))].sort()).toEqual(own.sort());
});

testBreaks(lab, OTHER_BREAKS);
