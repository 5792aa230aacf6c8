import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { KINDS } from "../../sandbox/cloud/kinds";
import type { FailingUp } from "./failing-up";
import { describeEngine } from "./describe";

/** Some twenty deployments, each converged three times, with their hosts. */
const ALL_CASES_MS = 2_400_000;
const OUTPUT_BYTES = 16 * 1024 * 1024;
/** Kinds that the program does not use yet. */
const UNUSED = ["tailscale:index/acl:Acl"];

const TYPES = Object.keys(KINDS).filter((type) => !UNUSED.includes(type));

describeEngine("an up that fails", () => {
  let results: readonly FailingUp[];

  beforeAll(async () => {
    const tsx = join(__dirname, "..", "..", "node_modules", ".bin", "tsx");
    const { stdout } = await promisify(execFile)(tsx, [join(__dirname, "failing-up.ts")], { maxBuffer: OUTPUT_BYTES });
    results = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as FailingUp);
  }, ALL_CASES_MS);

  test("was tried for every type of which the program makes resources", () => {
    expect(results.map(({ name }) => name).sort()).toEqual(["an update", "bad input", "reference", ...TYPES].sort());
  });

  test.each(TYPES)("at one %s and is repeated ends as if it had succeeded at once", (type) => {
    const { failure, then } = result(type);
    // With `then` beside it a case that ended early says why.
    expect(`${failure}\n${then}`).toContain(`told to fail one ${type}`);
    endsWell(result(type));
  });

  test("while it updates a record is repeated with the same end", () => {
    expect(result("an update").failure).toContain("told to fail one cloudflare:index/dnsRecord:DnsRecord");
    endsWell(result("an update"));
  });

  test("because of bad input makes nothing, names every problem at once and shows no stack trace", () => {
    const { failure, calls } = result("bad input");
    for (const text of ["mail:domain", "mail:hostPort", "mail:primaryAddress"]) expect(failure).toContain(text);
    expect(failure).not.toMatch(/\bat .*\.ts:\d+/);
    expect(calls).toBe(0);
    endsWell(result("bad input"));
  });

  function result(name: string): FailingUp {
    const found = results.find((candidate) => candidate.name === name);
    if (!found) throw new Error(`no result for ${name}`);
    return found;
  }

  function endsWell({ end, then }: FailingUp): void {
    expect(then).toBe("no changes");
    expect(end).toBe(result("reference").end);
  }
});
