import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "yaml";
import { type ConfigKey, KEYS } from "../../../infra/settings/keys";
import { objectWith } from "./fixtures";
import { insert, renderSchema, staleFiles } from "../../../tools/generate";

test("generated files are up to date", () => {
  expect([...staleFiles().keys()]).toEqual([]);
});

test("Pulumi.yaml declares every key; required ones are empty, secrets have no default", () => {
  const project: unknown = parse(readFileSync(resolve(__dirname, "../../../Pulumi.yaml"), "utf8"));
  const keys = Object.entries<ConfigKey>(KEYS).map(([name, key]): readonly [string, unknown] => [
    name,
    objectWith(
      key.secret === true && key.ofHost !== true
        ? { type: key.type, secret: true }
        : { type: key.type, default: key.default ?? "" },
    ),
  ]);
  expect(project).toMatchObject({
    name: "mail",
    runtime: { name: "nodejs" },
    config: Object.fromEntries(keys),
  });
  expect(renderSchema()).not.toMatch(/secret: true\n +default/);
});

test("lists say what their items are", () => {
  expect(parse(renderSchema())).toMatchObject({
    aliases: { items: { type: "string" } },
    routingMxPriorities: { items: { type: "integer" } },
    resendRecords: { items: { type: "object" } },
    clientTcp: { items: { type: "string" }, default: [] },
  });
});

test("a file without its markers is not touched", () => {
  const part = { file: "x.md", begin: "<!-- a -->", end: "<!-- b -->", render: () => "new\n" };
  expect(insert("1\n<!-- a -->\nold\n<!-- b -->\n2", part)).toBe("1\n<!-- a -->\nnew\n<!-- b -->\n2");
  expect(() => insert("<!-- b -->\n<!-- a -->", part)).toThrow("x.md lacks the lines <!-- a --> and <!-- b -->");
});
