import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { mailRecords } from "../../../infra/dns/records";
import { run, type Surroundings } from "../../../ops/doctor";
import { error, ok, skipped, warning } from "../../../ops/doctor/check";
import { checksOf } from "../../../ops/doctor/checks";
import type { Deployment, DnsAnswer } from "../../../ops/doctor/context";
import { TITLE_CHARACTERS } from "../../../ops/doctor/check";
import { realNetwork } from "../../../ops/doctor/examine";
import { renderHtml } from "../../../ops/doctor/html";
import { type Examined, renderJson, renderTable } from "../../../ops/doctor/report";
import { page } from "../../../ops/doctor/watch";
import { augustin, further } from "../dns/fixtures";

const deployment = (settings = augustin()): Deployment => ({
  stack: "prod",
  settings,
  records: mailRecords(settings),
  outputs: {},
  further: new Map(),
});
const CHECKS = checksOf(deployment());
const LONG = "x".repeat(200);
const EVIL = "a\u001b[31mred <script>alert(1)</script>";

function examined(): Examined {
  const findings = [
    ok(LONG),
    warning(EVIL, LONG, "do this"),
    error("is", "should be", `pulumi up ${LONG}`),
    skipped("no idea"),
  ];
  const results = CHECKS.map((check, index) => ({ check, finding: findings[index % 4] ?? ok(""), ms: 1 }));
  return { stack: "prod", domain: "augustin.ai", hostStack: undefined, at: new Date(0), ms: 1234, results };
}

test("there are at least forty checks, their ids are stable and unique, and their titles fit", () => {
  for (const checks of [CHECKS, checksOf(deployment(further()))]) {
    const ids = checks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(checks.filter(({ title, why }) => title.length > TITLE_CHARACTERS || why === "")).toEqual([]);
    expect(checks.flatMap(({ needs }) => needs).filter((id) => !ids.includes(id))).toEqual([]);
    expect(checks.flatMap(({ follows = [] }) => follows).filter((id) => !ids.includes(id))).toEqual([]);
  }
  expect(CHECKS.length).toBeGreaterThanOrEqual(40);
});

test("the table fits 80 columns, and nothing from the network reaches the terminal as a command", () => {
  const table = renderTable(examined());
  expect(table.split("\n").filter((line) => line.length > 80)).toEqual([]);
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  expect(table).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  expect(table).toContain("mend      do this");
  expect(table).toMatch(/\d+ ok, \d+ warnings, \d+ errors, \d+ skipped/);
});

test("the table ends with all faults in a line each, errors first, and their sum", () => {
  const [, recap = ""] = renderTable(examined()).split("\nTo mend\n");
  const lines = recap.split("\n").filter(Boolean);
  const statuses = lines.slice(0, -1).map((line) => line.trim().split(" ")[0]);
  const [errors, warnings] = ["error", "warning"].map((status) => statuses.filter((one) => one === status).length);
  expect(statuses).toEqual([
    ...Array<string>(errors ?? 0).fill("error"),
    ...Array<string>(warnings ?? 0).fill("warning"),
  ]);
  expect(lines.at(-1)).toMatch(new RegExp(`, ${warnings} warnings, ${errors} errors, `));
  expect(errors).toBeGreaterThan(0);
});

test("a report without faults has nothing to mend", () => {
  const fine = examined().results.map((result) => ({ ...result, finding: ok("") }));
  expect(renderTable({ ...examined(), results: fine })).not.toContain("To mend");
});

test("colours only where they are asked for", () => {
  expect(renderTable(examined(), { colours: true, width: 80 })).toContain("\u001b[31merror");
});

test("the JSON has every check with its values", () => {
  const report = JSON.parse(renderJson(examined())) as {
    checks: { id: string; remedy: string | null }[];
    summary: object;
  };
  expect(report.checks.map(({ id }) => id)).toEqual(CHECKS.map(({ id }) => id));
  expect(report.checks[1]?.remedy).toBe("do this");
  expect(report.checks[0]?.remedy).toBeNull();
});

test("the page loads nothing and runs nothing", () => {
  const html = renderHtml(examined());
  expect(html).not.toContain("<script");
  expect(html).toContain("&#60;script&#62;");
  expect(html).not.toMatch(/(src|href)=/);
  expect(html).toContain("default-src 'none'");
});

test("the watched page shows faults as a whole where they fit, and otherwise one line each, errors first", () => {
  const bad = [warning("is", "should be", "do this"), error("is", "should be", "do that")];
  const results = CHECKS.map((check, index) => ({ check, finding: bad[index] ?? ok(""), ms: 1 }));
  const shown = (rows: number) =>
    page({ ...examined(), results }, "next in 3 s", { colours: false, width: 80 }, rows).join("\n");
  expect(shown(40)).toContain("mend      do that");
  expect(shown(24)).not.toContain("mend      ");
  expect(shown(24)).toMatch(/ {2}error .*\n {2}warning .*\n {2}What mends them: npm run doctor -- prod\n/);
  const head = shown(40)
    .split("\n")
    .findIndex((line) => line.startsWith("  error"));
  expect(shown(head + 3)).toContain("... and 2 more: npm run doctor -- prod");
});

test.each([5, 16, 24, 60])("the watched page fits %d lines", (rows) => {
  const lines = page(examined(), "next in 3 s", { colours: false, width: 80 }, rows);
  expect(lines.length).toBeLessThanOrEqual(rows);
  expect(lines.at(-1)).toContain("q quit");
});

test.each([
  ["1.1.1.1", "1.1.1.1", 53],
  ["127.0.0.1:5300", "127.0.0.1", 5300],
  ["2606:4700::1111", "2606:4700::1111", 53],
  ["[2606:4700::1111]:5300", "2606:4700::1111", 5300],
])("resolver %s", (text, resolver, resolverPort) => {
  expect(realNetwork(text).dns).toEqual({ resolver, resolverPort, port: 53 });
});

const surroundings = { environment: {}, input: {}, output: { isTTY: false } } as unknown as Surroundings;

test.each<[readonly string[], number, RegExp]>([
  [["--help"], 0, /^Usage: npm run doctor/],
  [[], 2, /One stack name is needed, 0 were given/],
  [["a", "b"], 2, /One stack name is needed, 2 were given/],
  [["prod", "--watch"], 2, /--watch needs a terminal/],
  [["prod", "--json", "--watch"], 2, /exclude each other/],
  [["prod", "--every", "1"], 2, /--every takes whole seconds, 5 or more/],
  [["prod", "--resolver", "dns.example"], 2, /--resolver takes an address/],
  [["prod", "--nonsense"], 2, /nonsense/],
  [["nowhere"], 1, /There is no Pulumi\.nowhere\.yaml here/],
])("doctor %j", async (args, code, text) => {
  const output = await run(args, surroundings);
  expect(output.code).toBe(code);
  expect(output.code === 0 ? output.stdout : output.stderr).toMatch(text);
});

test("the usage fits 80 columns", async () => {
  const { stdout = "" } = await run(["--help"], surroundings);
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

describe("the command on a deployment without Resend's records", () => {
  const settings = augustin({ resend: { ...augustin().resend, records: [] } });
  const sick: Surroundings = { ...surroundings, patient: { deployment: deployment(settings), missing: new Map() } };

  test("says so, with the remedy, and exits with 1", async () => {
    const { code, stdout = "" } = await run(["prod", "--json", "--only", "policy.resend"], sick);
    expect(code).toBe(1);
    const [found] = (JSON.parse(stdout) as { checks: Record<string, string>[] }).checks;
    expect(found).toMatchObject({ id: "policy.resend", status: "error", current: "mail:resendRecords is empty" });
    expect(found?.["remedy"]).toMatch(/pulumi config set --path 'mail:resendRecords/);
  });

  test("writes the page", async () => {
    const folder = mkdtempSync(join(tmpdir(), "doctor-"));
    const file = join(folder, "page.html");
    const { code, stdout } = await run(["prod", "--html", file, "--only", "policy.resend"], sick);
    expect([code, stdout]).toEqual([1, `0 ok, 0 warnings, 1 error, 0 skipped. Written to ${file}\n`]);
    expect(readFileSync(file, "utf8")).toContain("mail:resendRecords is empty");
    rmSync(folder, { recursive: true });
    const missing = await run(["prod", "--html", file, "--only", "policy.resend"], sick);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringMatching(/cannot be written .* There is no page/)]);
  });

  test("an id that no check has", async () => {
    const { code, stderr } = await run(["prod", "--only", "nothing"], sick);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/No check has an id that begins so/)]);
  });
});

describe("reports that go to other organisations", () => {
  const own = deployment(further());
  const answer = (value: string | undefined): DnsAnswer => ({
    code: "NOERROR",
    authoritative: false,
    authenticated: false,
    alias: undefined,
    referral: [],
    records: value === undefined ? [] : [{ name: "", type: "TXT", ttl: 1, value }],
  });
  const runOne = (id: string, value: string | undefined) =>
    checksOf(own)
      .find((check) => check.id === id)
      ?.run({ deployment: own, dns: { resolve: () => Promise.resolve(answer(value)) } } as never);

  test.each(["policy.dmarc-consent.example.net", "policy.dmarc-consent.augustin.ai"])("%s", async (id) => {
    expect(await runOne(id, "v=DMARC1;")).toMatchObject({ status: "ok" });
    expect(await runOne(id, "v=DMARC1X")).toMatchObject({ status: "error" });
    expect(await runOne(id, undefined)).toMatchObject({
      status: "error",
      remedy: expect.stringMatching(/Ask the owner of/) as string,
    });
  });

  test.each(["policy.reports.reports.example.net", "policy.reports.augustin.ai"])("%s", async (id) => {
    expect(await runOne(id, "10 mx.example.net")).toMatchObject({ status: "ok" });
    expect(await runOne(id, undefined)).toMatchObject({
      status: "error",
      remedy: expect.stringMatching(/Name another address/) as string,
    });
  });
});
