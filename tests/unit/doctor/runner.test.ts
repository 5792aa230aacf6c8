import { type Check, error, type Finding, ok, skipped, warning } from "../../../ops/doctor/check";
import type { Context } from "../../../ops/doctor/context";
import { exitCodeOf } from "../../../ops/doctor/report";
import { type Result, runChecks } from "../../../ops/doctor/runner";

function check(id: string, finding: Finding | (() => Promise<Finding>), more: Partial<Check> = {}): Check {
  return {
    id,
    area: "web",
    title: `title of ${id}`,
    why: "because",
    needs: [],
    credentials: [],
    run: typeof finding === "function" ? finding : () => Promise.resolve(finding),
    ...more,
  };
}

const context = { missing: new Map([["ssh", "no key for the host"]]) } as unknown as Context;
const bad = error("is", "should be", "do this");
const statuses = (results: readonly Result[]) => results.map(({ check: { id }, finding }) => `${id} ${finding.status}`);

test("a check waits for what it needs, and the order of the results is that of the checks", async () => {
  const order: string[] = [];
  const slow = (id: string, ms: number) => async () => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    order.push(id);
    return ok(id);
  };
  const checks = [
    check("c", slow("c", 0), { needs: ["b"] }),
    check("b", slow("b", 0), { needs: ["a"] }),
    check("a", slow("a", 20)),
  ];
  const results = await runChecks(checks, context);
  expect(order).toEqual(["a", "b", "c"]);
  expect(statuses(results)).toEqual(["c ok", "b ok", "a ok"]);
});

test("an error skips what needs it, and all name the one that failed", async () => {
  const results = await runChecks(
    [
      check("a", bad),
      check("b", ok("")),
      check("c", ok(""), { needs: ["d", "b"] }),
      check("d", ok(""), { needs: ["a"] }),
    ],
    context,
  );
  expect(statuses(results)).toEqual(["a error", "b ok", "c skipped", "d skipped"]);
  expect(results.slice(2).map(({ finding }) => finding.current)).toEqual(
    Array(2).fill('needs "title of a", which failed'),
  );
});

test.each<[string, Finding, string]>([
  ["a warning skips nothing", warning("is", "should be", "do this"), "ok"],
  ["a closing warning does", { ...warning("is", "should be", "do this"), closes: true }, "skipped"],
  ["a skip does", skipped("no idea"), "skipped"],
])("%s", async (_, finding, expected) => {
  const results = await runChecks([check("a", finding), check("b", ok(""), { needs: ["a"] })], context);
  expect(results[1]?.finding.status).toBe(expected);
});

describe("a check that follows from others", () => {
  const fine = ok("");
  const cause = (finding: Finding, more: Partial<Check> = {}) => check("cause", finding, more);
  const follower = (finding: Finding, more: Partial<Check> = {}) =>
    check("follower", finding, { follows: ["cause"], ...more });
  const after = check("after", fine, { needs: ["follower"] });

  test.each<[string, readonly Check[], readonly string[]]>([
    ["runs although its cause failed", [follower(fine), cause(bad)], ["follower ok", "cause error"]],
    ["is told at its cause when both fail", [follower(bad), cause(bad)], ["follower skipped", "cause error"]],
    ["is told itself when its cause is fine", [follower(bad), cause(fine)], ["follower error", "cause ok"]],
    [
      "is told itself when nothing is known of its cause",
      [follower(bad), cause(bad, { credentials: ["ssh"] })],
      ["follower error", "cause skipped"],
    ],
    ["is told itself where there is no such cause", [follower(bad)], ["follower error"]],
    [
      "is told itself when its cause is only a warning",
      [follower(bad), cause(warning("is", "should be", "do this"))],
      ["follower error", "cause warning"],
    ],
    ["closes what needs it", [after, follower(bad), cause(bad)], ["after skipped", "follower skipped", "cause error"]],
    [
      "explains another one",
      [check("last", bad, { follows: ["follower"] }), follower(bad), cause(bad)],
      ["last skipped", "follower skipped", "cause error"],
    ],
  ])("%s", async (_, checks, expected) => {
    const results = await runChecks(checks, context);
    expect(statuses(results)).toEqual(expected);
    for (const {
      check: { id },
      finding,
    } of results)
      if (finding.status === "skipped" && id !== "cause")
        expect(finding.current).toMatch(/^(follows from|needs) "title of cause", which failed$/);
  });
});

test("without its credential a check is not run, and says what it lacks", async () => {
  const run = jest.fn();
  const results = await runChecks([check("a", run, { credentials: ["secrets", "ssh"] })], context);
  expect(results[0]?.finding).toEqual(skipped("no key for the host"));
  expect(run).not.toHaveBeenCalled();
});

test("an exception is an error without a stack trace", async () => {
  const results = await runChecks(
    [check("a", () => Promise.reject(new Error("first line\n    at somewhere.ts:1")))],
    context,
  );
  expect(results[0]?.finding).toMatchObject({ status: "error", current: "first line" });
  expect(results[0]?.finding.remedy).toMatch(/run the doctor again/);
});

test("a check that hangs is an error after its budget, the others are not held up", async () => {
  const hang = () => new Promise<Finding>(() => undefined);
  const results = await runChecks([check("a", hang, { budgetMs: 30 }), check("b", ok(""))], context);
  expect(statuses(results)).toEqual(["a error", "b ok"]);
  expect(results[0]?.finding.current).toBe("no result within 0.0 s");
});

test("all together have a budget", async () => {
  const hang = () => new Promise<Finding>(() => undefined);
  const start = Date.now();
  const checks = Array.from({ length: 5 }, (_, index) => check(String(index), hang));
  const results = await runChecks(checks, context, { budgetMs: 100, concurrency: 2 });
  expect(new Set(results.map(({ finding }) => finding.status))).toEqual(new Set(["error"]));
  expect(Date.now() - start).toBeLessThan(1_000);
});

test("never more at a time than allowed", async () => {
  let now = 0;
  let most = 0;
  const run = async () => {
    most = Math.max(most, (now += 1));
    await new Promise((resolve) => setTimeout(resolve, 2));
    now -= 1;
    return ok("");
  };
  await runChecks(
    Array.from({ length: 20 }, (_, index) => check(String(index), run)),
    context,
    { concurrency: 3 },
  );
  expect(most).toBe(3);
});

test.each<[string, readonly Check[], RegExp]>([
  ["two checks of one id", [check("a", bad), check("a", bad)], /one id: a/],
  ["a gate that does not exist", [check("a", bad, { needs: ["b"] })], /a needs b, which is no check/],
  ["a circle of causes", [check("a", bad, { follows: ["b"] }), check("b", bad, { needs: ["a"] })], /a > b > a/],
  ["a circle", [check("a", bad, { needs: ["b"] }), check("b", bad, { needs: ["a"] })], /a > b > a/],
])("%s is a mistake of the program", async (_, checks, message) => {
  await expect(runChecks(checks, context)).rejects.toThrow(message);
});

test.each<[string, readonly Finding[], number]>([
  ["nothing wrong", [ok(""), skipped("")], 0],
  ["warnings", [warning("", "", "")], 0],
  ["an error", [ok(""), bad], 1],
])("exit code: %s", (_, findings, code) => {
  expect(exitCodeOf(findings.map((finding) => ({ check: check("a", finding), finding, ms: 0 })))).toBe(code);
});
