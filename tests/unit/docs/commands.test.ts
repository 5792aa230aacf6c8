import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import ts from "typescript";

import { commandsIn, fromDocs, type PageCommands, pages, pageText, words } from "../../docs";
import { BY_CI, NAMES, NOT_COMMANDS, NOT_PROVEN, RUN_BY } from "./table";

const ROOT = join(__dirname, "../../..");
const CI = readFileSync(join(ROOT, ".ci/run"), "utf8");

interface Taken {
  readonly file: string;
  readonly page: string;
  readonly command: string;
}

const told = new Map<string, PageCommands>(pages().map((page) => [page, commandsIn(pageText(page))]));
const blocks = new Set([...told.values()].flatMap((page) => [...page.blocks]));
const inline = new Set([...told.values()].flatMap((page) => [...page.inline]));
const taken = testFiles().flatMap(takenIn);

const ofCi = BY_CI.map(({ command }) => command);
const ofTests = RUN_BY.flatMap(({ commands }) => commands);
const unproven = NOT_PROVEN.flatMap(({ commands }) => commands);
const entries = [...ofTests, ...ofCi, ...unproven, ...Object.keys(NOT_COMMANDS)];

/** As it is typed: what runs with more behind it may not run without. */
const hasEntry = (command: string) => entries.includes(command);

describe("every command of README.md and docs/", () => {
  it("has an entry in the table", () => {
    const missing = [
      ...[...blocks].filter((command) => !hasEntry(command)),
      ...[...inline].filter((command) => !blocks.has(command) && !hasEntry(command) && !NAMES.includes(command)),
    ];
    expect(missing).toEqual([]);
  });

  it("is called by a name only where the name is none of those that somebody types", () => {
    expect(NAMES.filter((name) => blocks.has(name) || !inline.has(name))).toEqual([]);
    expect(NAMES.filter((name) => / -- /.test(name))).toEqual([]);
    // A row of README's table is typed as it stands.
    const rows = [...pageText("README.md").matchAll(/^\| `([^`]+)` \|/gm)].map(([, command = ""]) => command);
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((command) => command !== "npm run generate" && !hasEntry(command))).toEqual([]);
  });

  it("is what an entry is about, and of one entry only", () => {
    expect(entries.filter((entry) => !blocks.has(entry) && !inline.has(entry))).toEqual([]);
    expect(entries.filter((entry, index) => entries.indexOf(entry) !== index)).toEqual([]);
  });

  it.each(RUN_BY)("is run by the test that the table names: $test", ({ test, commands }) => {
    expect(existsSync(join(ROOT, test))).toBe(true);
    const here = taken.filter(({ file }) => file === test).map(({ command }) => command);
    expect(commands.filter((command) => !here.includes(command))).toEqual([]);
  });

  it("that a test takes from a page is there, and is in the table", () => {
    for (const { page, command } of taken) expect(() => fromDocs(page, command)).not.toThrow();
    expect(taken.filter(({ command }) => !ofTests.includes(command))).toEqual([]);
  });

  it.each(BY_CI)("$command is a line of .ci/run", ({ line }) => {
    for (const text of line) expect(CI).toContain(text);
  });

  it("that is one for several others is these, all of them in .ci/run", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      scripts: Readonly<Record<string, string>>;
    };
    for (const part of scripts["check"]?.split(" && ") ?? [""]) expect(CI).toContain(part);
  });

  it.each(NOT_PROVEN)("that nothing runs is named as such by its page: $page, $why", ({ page, says, commands }) => {
    expect(pageText(page).replaceAll(/\s+/g, " ")).toContain(says);
    const { blocks: ofPage, inline: inPage } = told.get(page) ?? { blocks: new Set(), inline: new Set() };
    expect(commands.filter((command) => !ofPage.has(command) && !inPage.has(command))).toEqual([]);
  });
});

describe("commands are found", () => {
  it.each<[markdown: string, blocks: readonly string[], inline: readonly string[]]>([
    ["```sh\npulumi up   # now\n\nsome-tool\n```", ["pulumi up", "some-tool"], []],
    ["```console\n$ npm run zone -- prod\n```", ["npm run zone -- prod"], []],
    ["```\nnpm run zone -- prod\nwords\n```", ["npm run zone -- prod"], []],
    ["```json\nnpm run zone\n```", [], []],
    ["1. Step\n\n   ```sh\n   git status\n   ```", ["git status"], []],
    ["    ssh HOST true   # indented\n    output of it", ["ssh HOST true"], []],
    ["Type `docker ps` and\n`pulumi\nup`, or `docker`.", [], ["docker ps", "pulumi up"]],
    ["| `` | `dig NAME` |\n| `npm run a \\| tee b` | x |", [], ["dig NAME", "npm run a | tee b"]],
    ["says `ssh: handshake failed` and `~/apps/x y`", [], []],
  ])("%j", (markdown, ofBlocks, ofProse) => {
    const found = commandsIn(markdown);
    expect([[...found.blocks], [...found.inline]]).toEqual([ofBlocks, ofProse]);
  });

  it("and one that a page no longer has is an error that names the page", () => {
    const page = "docs/start.md";
    expect(() => fromDocs(page, ["pulumi", "down"].join(" "))).toThrow(
      "docs/start.md does not tell to type: pulumi down",
    );
  });

  it("and taken apart as a shell does", () => {
    expect(words("pulumi config set --path 'mail:a b' x")).toEqual([
      "pulumi",
      "config",
      "set",
      "--path",
      "mail:a b",
      "x",
    ]);
  });
});

/** Below tests/, by path from the checkout. */
function testFiles(): readonly string[] {
  const names = readdirSync(join(ROOT, "tests"), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".ts") && name !== "unit/docs/commands.test.ts")
    .map((name) => `tests/${name}`);
}

/**
 * What a test takes by `fromDocs`. The calls are read from the syntax tree: one in a comment is none, one whose value
 * nobody uses is an error, and so is one whose arguments are not texts.
 */
function takenIn(file: string): readonly Taken[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  if (!text.includes("fromDocs(") || file === "tests/docs.ts") return [];
  const found: Taken[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === "fromDocs") {
      const [page, command] = node.arguments;
      if (!page || !command || !ts.isStringLiteralLike(page) || !ts.isStringLiteralLike(command))
        throw new Error(`${file}: fromDocs takes two texts: ${node.getText()}`);
      if (ts.isExpressionStatement(node.parent)) throw new Error(`${file}: nobody runs ${node.getText()}`);
      found.push({ file, page: page.text, command: command.text });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}
