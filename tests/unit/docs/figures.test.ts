import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { checksOf } from "../../../ops/doctor/checks";
import { deploymentOf } from "../../../ops/doctor/examine";
import { ROTATIONS } from "../../../ops/rotate/rotations";
import { documentedSettings } from "../../../tools/records";
import { pageText } from "../../docs";

const ROOT = join(__dirname, "../../..");
const README = pageText("README.md");
const { engines, scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
};

/** Scripts for somebody who changes the program, and parts of others. */
const NOT_FOR_OPERATORS = [
  ...["test", "test:unit", "check", "format", "format:check", "lint", "types", "pictures", "tools", "bench:export"],
  "bench:domains",
];

describe("what README.md counts and names is what there is", () => {
  it("the doctor's checks", () => {
    const count = checksOf(deploymentOf("prod", documentedSettings())).length;
    expect(README).toContain(`| Doctor | ${count} checks,`);
  });

  it("the version of Node", () => {
    expect(engines.node).toBe(`>=${/Needs Node (\d+) or newer/.exec(README)?.[1] ?? ""}`);
  });

  it("the version of Go, which every module to be built accepts, the same wherever one is asked for", () => {
    const texts = ["README.md", "sandbox/main.ts", "sandbox/engine/main.ts", "tools/build.ts"].map((file) =>
      [...readFileSync(join(ROOT, file), "utf8").matchAll(/Go (1\.\d+) or/g)].map(([, version]) => version),
    );
    expect(new Set(texts.flat()).size).toBe(1);
    expect(texts.filter((found) => found.length === 0)).toEqual([]);
    const modules = readdirSync(join(ROOT, "tools"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && readdirSync(join(ROOT, "tools", entry.name)).includes("go.mod"))
      .map(({ name }) => readFileSync(join(ROOT, "tools", name, "go.mod"), "utf8"));
    const minors = modules.map((text) => Number(/^go 1\.(\d+)/m.exec(text)?.[1]));
    expect(modules.length).toBeGreaterThan(5);
    expect(`1.${Math.max(...minors)}`).toBe(texts[0]?.[0]);
  });

  it("what can be rotated", () => {
    const row = README.split("\n").find((line) => line.startsWith("| `npm run rotate ")) ?? "";
    expect(Object.keys(ROTATIONS).filter((name) => name !== "dkim" && !row.includes(`\`${name}\``))).toEqual([]);
  });

  it("every command, each a script of package.json", () => {
    const named = [...README.matchAll(/npm run ([\w:-]+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    expect(Object.keys(scripts).filter((name) => !named.includes(name) && !NOT_FOR_OPERATORS.includes(name))).toEqual(
      [],
    );
  });
});

describe("the first hour", () => {
  const START = pageText("docs/start.md").replaceAll(/\s+/g, " ");

  it("names every permission that the program and its preflight tell somebody to add", () => {
    const [, token = ""] = /An API token with: (.*?) on the account\./.exec(START) ?? [];
    const folder = join(ROOT, "infra/preflight");
    const preflight = readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), "utf8").replaceAll(/["`+\s]+/g, " "))
      .join(" ");
    const told = [...preflight.matchAll(/the permission ([A-Z][\w:, ]*?(?:Read|Write))\b/g)].map(
      ([, name = ""]) => name,
    );
    expect(told).toContain("Zone WAF Write");
    expect(told).toContain("Access: Organizations, Identity Providers, and Groups Read");
    expect(told.filter((name) => !token.includes(name))).toEqual([]);
  });

  it("names every permission that a file of the program says its resources need", () => {
    const files = readdirSync(join(ROOT, "infra"), { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts"),
    );
    const scopes = files.flatMap((file) => {
      const text = readFileSync(join(ROOT, "infra", file), "utf8").replaceAll(/\s*\n \*\s*/g, " ");
      const [, list = ""] = /Token scopes?: (.*?)(?:\*\/|\. |$)/m.exec(text) ?? [];
      return [...list.matchAll(/(?:Access: )?[A-Z][\w:, ]*?(?:Read|Write)\b/g)].map(([name]) => `${file}: ${name}`);
    });
    expect(scopes.length).toBeGreaterThan(5);
    const missing = scopes.filter(
      (scope) => !START.includes(scope.replace(/^[^:]*: /, "").replace(/^.*?, rule, /, "")),
    );
    expect(missing).toEqual([]);
  });
});
