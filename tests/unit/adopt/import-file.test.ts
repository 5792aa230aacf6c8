import { importFile } from "../../../ops/adopt/import-file";
import { TYPE } from "../../../ops/adopt/types";
import { readImportFile, readPreview } from "../../../ops/adopt/wanted";
import { wanted } from "./fixtures";

const TEMPLATE = {
  nameTable: { there: "urn:pulumi:prod::mail::mail:index:Dns::dns" },
  resources: [
    { type: "mail:index:Outer", name: "outer", component: true },
    { type: "mail:index:Inner", name: "inner", component: true, parent: "outer" },
    { type: "mail:index:Unneeded", name: "unneeded", component: true },
    { type: TYPE.script, name: "innerWorkersScript", logicalName: "inner", id: "<PLACEHOLDER>", parent: "inner" },
    { type: TYPE.record, name: "dns-txt", id: "<PLACEHOLDER>", parent: "there", version: "6.22.1" },
    { type: TYPE.tunnel, name: "tunnel", id: "<PLACEHOLDER>", parent: "outer" },
  ],
};
const adopted = (type: string, name: string, importId: string) => ({
  ...{ wanted: wanted(type, name, {}), importId, id: "", label: "", differences: [] },
});

test("has what is adopted, with its id, and the components above it, parents first", () => {
  const file = importFile(readImportFile(JSON.stringify(TEMPLATE)), [
    adopted(TYPE.script, "inner", "a1/mail"),
    adopted(TYPE.record, "dns-txt", "z1/r1"),
  ]);
  expect(file).toEqual({
    nameTable: TEMPLATE.nameTable,
    resources: [
      TEMPLATE.resources[0],
      TEMPLATE.resources[1],
      { ...TEMPLATE.resources[3], id: "a1/mail" },
      { ...TEMPLATE.resources[4], id: "z1/r1" },
    ],
  });
  expect(JSON.stringify(file)).not.toContain("PLACEHOLDER");
});

test("a resource that pulumi's file does not name stops the command instead of being left out", () => {
  expect(() => importFile(TEMPLATE, [adopted(TYPE.record, "dns-other", "z1/r1")])).toThrow(
    /dns-other.*Nothing was written/s,
  );
});

test("a preview: what would be created is wanted, what the state has is kept, what will go is neither", () => {
  const urn = (name: string) => `urn:pulumi:prod::mail::mail:index:Dns$${TYPE.record}::${name}`;
  const steps = [
    {
      op: "create",
      urn: urn("new"),
      newState: { inputs: { name: "a" }, propertyDependencies: { content: ["u"], ttl: null } },
    },
    { op: "same", urn: urn("same"), oldState: { id: "1", inputs: {} }, newState: { id: "1", inputs: { name: "b" } } },
    {
      op: "update",
      urn: urn("changed"),
      oldState: { id: "2", inputs: {} },
      newState: { id: "2", inputs: { name: "c" } },
    },
  ];
  const {
    wanted: found,
    kept,
    config,
  } = readPreview(JSON.stringify({ steps, config: { "mail:domain": "example.org", x: {} } }));
  expect(found).toEqual([
    { urn: urn("new"), type: TYPE.record, name: "new", inputs: { name: "a" }, dependsOn: { content: ["u"], ttl: [] } },
  ]);
  expect(kept.map(({ name, id, inputs }) => [name, id, inputs["name"]])).toEqual([
    ["same", "1", "b"],
    ["changed", "2", "c"],
  ]);
  expect(config).toEqual({ "mail:domain": "example.org" });
});

test.each(["", "no JSON", "[]"])("an answer of pulumi's that is no preview: %j", (text) => {
  expect(() => readPreview(text)).toThrow(/no JSON/);
});
