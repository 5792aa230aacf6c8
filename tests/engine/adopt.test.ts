import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { settingsOf } from "../../infra/settings/stack-file";
import { run } from "../../ops/adopt";
import { APPLICATION } from "../../sandbox/cloud/kinds/access";
import { DNS_RECORD } from "../../sandbox/cloud/kinds/dns-record";
import { TUNNEL } from "../../sandbox/cloud/kinds/tunnel";
import { R2_BUCKET } from "../../sandbox/cloud/kinds/r2";
import { ROUTE, SCRIPT } from "../../sandbox/cloud/kinds/workers";
import type { ZoneRecord } from "../../sandbox/cloud/zone";
import { toProject } from "../../sandbox/engine/checkout";
import { type CommandLine, openCommandLine } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { type Outside, startOutside } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { type StandIns, standIns } from "../../sandbox/stand-ins";
import { fillByHand, OF_ANOTHER_TYPE } from "./adopt-by-hand";
import { fromDocs, words } from "../docs";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

const STACK = ["--stack", "prod", "--non-interactive"];
const RECORDS = 56;
const IMPORT = fromDocs(
  "docs/adopt.md",
  "pulumi import --file import-prod.json --generate-code=false --protect=false --stack prod",
);

interface Report {
  readonly adopted: readonly { readonly type: string; readonly name: string; readonly importId: string }[];
  readonly differences: readonly { readonly name: string; readonly how: string; readonly wins: string }[];
  readonly left: readonly { readonly label: string; readonly id: string }[];
  readonly created: readonly { readonly name: string; readonly why: string }[];
  readonly inTheWay: readonly unknown[];
}

describeEngine("adopting a deployment that was clicked together", () => {
  let outside: Outside;
  let line: CommandLine;
  let invented: StandIns;
  let before: readonly ZoneRecord[];
  let photos: string;
  let report: Report;

  beforeAll(async () => {
    invented = standIns("prod");
    const settings = settingsOf("prod", invented);
    outside = await startOutside(settings, invented);
    fillByHand(outside.world, settings);
    before = records();
    photos = foreignObjects();
    expect(photos.split("\n")).toHaveLength(5);
    const { command, ...nothing } = await findEngine(silent);
    if (command === undefined) throw new Error(JSON.stringify(nothing));
    line = await openCommandLine(command, outside.world, (project) =>
      toProject(project, { name: "prod", standIns: invented, apiUrl: outside.apiUrl }),
    );
    await pulumi("stack", "init", "prod");
    for (const [key, value] of Object.entries(invented.secrets))
      expect(await line.pulumi(["config", "set", "--secret", `mail:${key}`, ...STACK], value)).toMatchObject({
        code: 0,
      });
    await line.pulumi(["config", "set", "--secret", "cloudflare:apiToken", ...STACK], invented.apiToken);
    outside.world.calls.length = 0;
  }, ENGINE_TIMEOUT_MS);

  afterAll(async () => {
    line.close();
    await outside.close();
  });

  const pulumi = (...args: readonly string[]) => line.pulumi(args);
  const adopt = (...args: readonly string[]) =>
    run(
      [...words(fromDocs("docs/adopt.md", "npm run adopt -- prod")).slice(4), ...args],
      line.environment,
      line.project,
    );
  /** A command as docs/adopt.md has it; nobody is there to be asked. */
  const documented = (command: string) => {
    const [, verb = "", ...args] = command.split(" ");
    const yes = verb === "preview" ? [] : ["--yes"];
    return pulumi(verb, ...args, ...yes, "--non-interactive");
  };
  const records = () => structuredClone(outside.world.zones[0]?.records ?? []);
  /** Everything of somebody else's, which has photos in its name. */
  const foreignObjects = () =>
    [TUNNEL, SCRIPT, ROUTE, APPLICATION, R2_BUCKET]
      .flatMap((type) => outside.world.all(type).filter(({ props }) => JSON.stringify(props).includes("photos")))
      .map((remote) => JSON.stringify(remote))
      .join("\n");
  const fileExists = () => existsSync(join(line.project, "import-prod.json"));

  test(
    "tells what it would take over, with --dry-run without writing anything",
    async () => {
      expect(before).toHaveLength(RECORDS);
      const {
        code,
        stdout = "",
        stderr,
      } = await adopt(words(fromDocs("docs/adopt.md", "npm run adopt -- prod --dry-run")).at(-1) ?? "");
      expect({ code, stderr }).toEqual({ code: 0, stderr: undefined });
      expect(stdout).toContain("Nothing was written");
      expect(
        Math.max(
          ...stdout
            .split("\n")
            .filter((text) => !text.includes("pulumi "))
            .map(({ length }) => length),
        ),
      ).toBeLessThanOrEqual(80);
      expect(fileExists()).toBe(false);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "writes an import file and changes nothing",
    async () => {
      const { code, stdout = "", stderr } = await adopt("--json");
      expect({ code, stderr }).toEqual({ code: 0, stderr: undefined });
      report = JSON.parse(stdout) as Report;
      expect(report.inTheWay).toEqual([]);
      expect(report.differences.filter(({ how }) => how === "replace")).toMatchObject([
        { name: `dns-${OF_ANOTHER_TYPE}` },
      ]);
      const file = readFileSync(join(line.project, "import-prod.json"), "utf8");
      for (const secret of [...Object.values(invented.secrets), invented.apiToken]) expect(file).not.toContain(secret);
      expect(records()).toEqual(before);
      expect(outside.world.calls).toEqual([]);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "what pulumi imports, up changes in place: not one record is made again, and no foreign one is touched",
    async () => {
      // Somebody stops half-way; what is in the state then is not adopted twice.
      const path = join(line.project, "import-prod.json");
      const whole = JSON.parse(readFileSync(path, "utf8")) as { resources: { component?: boolean }[] };
      const components = whole.resources.filter(({ component }) => component === true);
      const some = whole.resources.filter(({ component }, nth) => component !== true && nth % 2 === 0);
      writeFileSync(path, JSON.stringify({ resources: [...components, ...some] }));
      expect(await documented(IMPORT)).toMatchObject({ code: 0 });
      const { code: again, stdout: rest = "" } = await adopt("--json");
      expect(again).toBe(0);
      expect((JSON.parse(rest) as Report).adopted).toHaveLength(report.adopted.length - some.length);
      expect(await documented(IMPORT)).toMatchObject({ code: 0 });
      const preview = await documented(fromDocs("docs/adopt.md", "pulumi preview --diff --stack prod"));
      expect(preview).toMatchObject({ code: 0 });
      expect(preview.output).not.toMatch(/to delete/);
      expect(outside.world.calls).toEqual([]);

      const { code, output } = await documented(fromDocs("docs/adopt.md", "pulumi up --stack prod"));
      expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
      const made = outside.world.calls.filter(({ action, type }) => type === DNS_RECORD && action !== "update");
      expect(made.map(({ action, name }) => `${action} ${name}`).sort()).toEqual([
        `create dns-${OF_ANOTHER_TYPE}`,
        "create dns-srv-_pop3._tcp",
        "create dns-txt-resend._domainkey",
        `delete dns-${OF_ANOTHER_TYPE}`,
      ]);
      expect(outside.world.all(TUNNEL)).toHaveLength(2);
      expect(foreignObjects()).toBe(photos);

      const after = new Map(records().map((record) => [record.id, record]));
      const lost = before.filter(({ id }) => !after.has(id));
      expect(lost).toMatchObject([{ name: "autodiscover.augustin.ai", type: "A" }]);
      const foreign = before.filter(({ id }) => report.left.some((left) => left.id === id));
      expect(foreign.length).toBeGreaterThan(20);
      for (const record of foreign) expect(after.get(record.id)).toEqual(record);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "ends without any change left, also after a refresh, and then there is nothing to adopt",
    async () => {
      const ds = await pulumi("stack", "output", "dnssecDs", "--stack", "prod");
      outside.publishDs(ds.output.trim());
      const again = await documented(
        fromDocs("docs/adopt.md", "pulumi preview --refresh --expect-no-changes --stack prod"),
      );
      expect({ code: again.code, output: again.code === 0 ? "" : again.output }).toEqual({ code: 0, output: "" });
      const { code, stdout = "", stderr } = await adopt();
      expect({ code, stderr }).toEqual({ code: 0, stderr: undefined });
      expect(stdout).toContain("Nothing is there to adopt");
    },
    ENGINE_TIMEOUT_MS,
  );
});
