import { engineAtHand } from "../../sandbox/engine/find";
import { REQUIRE_ALL } from "../needs";

/** `describe` for tests on the real engine; skipped with one line where there is none yet. */
export const describeEngine: jest.Describe = choose();

function choose(): jest.Describe {
  if (REQUIRE_ALL || engineAtHand()) return describe;
  process.stderr.write("skipped: there is no Pulumi engine yet. `npm run engine` installs or builds it once.\n");
  return describe.skip;
}
