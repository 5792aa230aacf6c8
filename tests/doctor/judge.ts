import type { Check, Credential } from "../../ops/doctor/check";
import { checksOf } from "../../ops/doctor/checks";
import type { Result } from "../../ops/doctor/runner";
import type { Break, Undo } from "./break";
import { type Lab, type LabOptions, startLab } from "./lab";

const START_MS = 120_000;
const BREAK_MS = 60_000;
/** Asking the host takes a second, a mail several: only a check that needs them asks. */
const COSTLY: readonly Credential[] = ["ssh", "canary"];
const NOT_ASKED = "not asked here";

/** A lab for the tests of one file; between them everything is whole. */
export function withLab(options: LabOptions = {}): () => Lab {
  let lab: Lab | undefined;
  beforeAll(async () => {
    lab = await startLab(options);
  }, START_MS);
  afterEach(() => lab?.heal());
  afterAll(() => lab?.close());
  return () => {
    if (lab === undefined) throw new Error("the lab is there only while tests run");
    return lab;
  };
}

/** One test for each broken thing: its check alone says so, with its remedy, and what needs that check is skipped. */
export function testBreaks(lab: () => Lab, breaks: readonly Break[]): void {
  test.each(breaks)(
    "$id: $what",
    async ({ id, status, current, remedy, apply, laterMs = 0 }) => {
      const checks = checksOf(lab().patient.deployment);
      const broken = checks.find((check) => check.id === id);
      const spared = COSTLY.filter((credential) => broken?.credentials.includes(credential) !== true);
      const missing = new Map(spared.map((credential) => [credential, NOT_ASKED]));
      const undo = await apply(lab());
      let results: readonly Result[];
      try {
        results = await lab().look({ missing, at: new Date(Date.now() + laterMs) });
      } finally {
        if (typeof undo === "function") await (undo as Undo)();
      }
      expect(faultsOf(results)).toEqual([
        {
          id,
          status,
          current: expect.stringMatching(current) as string,
          remedy: expect.stringMatching(remedy) as string,
        },
      ]);
      expect(skipsOf(results)).toEqual(expectedSkips(results, id, missing));
    },
    BREAK_MS,
  );
}

/** What was not fine, as a test compares it. */
export function faultsOf(results: readonly Result[]) {
  return results.flatMap(({ check: { id }, finding: { status, current, remedy = "" } }) =>
    status === "error" || status === "warning" ? [{ id, status, current, remedy }] : [],
  );
}

/** `id: reason` of what nothing could be said of. */
export function skipsOf(results: readonly Result[]): readonly string[] {
  return results.flatMap(({ check: { id }, finding }) =>
    finding.status === "skipped" ? [`${id}: ${finding.current}`] : [],
  );
}

/** What lacks a credential, what needs such a check, and what needs the one that failed. */
function expectedSkips(
  results: readonly Result[],
  broken: string,
  missing: ReadonlyMap<Credential, string>,
): readonly string[] {
  const root = results.find(({ check }) => check.id === broken);
  const title = root?.check.title ?? "";
  const failed = root?.finding.status === "error";
  const followers = failed ? followersOf(results, broken) : new Set<string>();
  const closed = failed || root?.finding.closes === true ? [broken, ...followers] : [];
  const gated = gatedBy(
    results.map(({ check }) => check),
    closed,
  );
  return results.flatMap(({ check: { id, credentials } }) => {
    if (credentials.some((credential) => missing.has(credential))) return [`${id}: ${NOT_ASKED}`];
    if (followers.has(id)) return [`${id}: follows from "${title}", which failed`];
    return gated.has(id) ? [`${id}: needs "${title}", which failed`] : [];
  });
}

/** Checks that failed too, and whose fault is that of the broken one. */
function followersOf(results: readonly Result[], broken: string): ReadonlySet<string> {
  const followers = new Set<string>();
  for (let size = -1; size !== followers.size;) {
    size = followers.size;
    for (const { check, finding } of results)
      if (
        finding.current.startsWith("follows from") &&
        check.follows?.some((cause) => cause === broken || followers.has(cause)) === true
      )
        followers.add(check.id);
  }
  return followers;
}

/** Ids of the checks that need it, over any number of steps. */
function gatedBy(checks: readonly Check[], closed: readonly string[]): ReadonlySet<string> {
  const gated = new Set<string>();
  for (let size = -1; size !== gated.size;) {
    size = gated.size;
    for (const { id, needs } of checks)
      if (needs.some((gate) => closed.includes(gate) || gated.has(gate))) gated.add(id);
  }
  return gated;
}
