import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { useDocumentedStack } from "../infra/settings/stack-file";
import { type ConfigKey, KEYS } from "../infra/settings/keys";
import { renderChecksReference } from "./checks";
import { renderRecordsReference } from "./records";
import { renderTopologyPage, renderTopologyPicture } from "./topology";

/** A part of a file, between two marker lines, that is made from data. */
export interface GeneratedPart {
  readonly file: string;
  /** Whole lines, without indentation. */
  readonly begin: string;
  readonly end: string;
  /** The lines between the markers, with a line feed at the end. */
  readonly render: () => string;
}

/** Every generated part; a new one is a line here and two marker lines in its file. */
export const PARTS: readonly GeneratedPart[] = [
  { file: "Pulumi.yaml", begin: "# keys:begin", end: "# keys:end", render: renderSchema },
  { file: "docs/reference.md", begin: "<!-- keys:begin -->", end: "<!-- keys:end -->", render: renderReference },
  {
    file: "docs/reference.md",
    begin: "<!-- records:begin -->",
    end: "<!-- records:end -->",
    render: renderRecordsReference,
  },
  {
    file: "docs/doctor.md",
    begin: "<!-- checks:begin -->",
    end: "<!-- checks:end -->",
    render: renderChecksReference,
  },
];

/** Files that are generated as a whole, by running the program. */
export const WHOLE_FILES: readonly { readonly file: string; readonly render: () => Promise<string> }[] = [
  { file: "docs/topology.svg", render: renderTopologyPicture },
  { file: "docs/topology.md", render: renderTopologyPage },
];

const ROOT = resolve(__dirname, "..");

/** Puts a part's lines between its markers. */
export function insert(content: string, part: GeneratedPart): string {
  const lines = content.split("\n");
  const begin = lines.findIndex((line) => line.trim() === part.begin);
  const end = lines.findIndex((line) => line.trim() === part.end);
  if (begin === -1 || end < begin) {
    throw new Error(
      `${part.file} lacks the lines ${part.begin} and ${part.end}, in this order. Nothing was written. Put them back where the generated part belongs.`,
    );
  }
  return [...lines.slice(0, begin + 1), ...part.render().replace(/\n$/, "").split("\n"), ...lines.slice(end)].join(
    "\n",
  );
}

/** The files whose generated parts differ from the data, each with its up-to-date content. */
export function staleFiles(parts: readonly GeneratedPart[] = PARTS, root: string = ROOT): ReadonlyMap<string, string> {
  const stale = new Map<string, string>();
  for (const file of new Set(parts.map((part) => part.file))) {
    const before = readFileSync(join(root, file), "utf8");
    const after = parts.filter((part) => part.file === file).reduce(insert, before);
    if (after !== before) stale.set(file, after);
  }
  return stale;
}

/** As {@link staleFiles}, for the files that are generated as a whole. */
export async function staleWholeFiles(root: string = ROOT): Promise<ReadonlyMap<string, string>> {
  const stale = new Map<string, string>();
  for (const { file, render } of WHOLE_FILES) {
    const path = join(root, file);
    const after = await render();
    if (!existsSync(path) || readFileSync(path, "utf8") !== after) stale.set(file, after);
  }
  return stale;
}

/** The section `config` of Pulumi.yaml. */
export function renderSchema(): string {
  return Object.entries<ConfigKey>(KEYS)
    .map(([name, key]) => renderSchemaKey(name, key))
    .join("");
}

function renderSchemaKey(name: string, key: ConfigKey): string {
  const lines = [`${name}:`, `  type: ${key.type}`];
  if (key.type === "array") lines.push("  items:", `    type: ${itemTypeOf(key)}`);
  lines.push(`  description: ${JSON.stringify(key.description)}`);
  // Pulumi takes a default as stored in the clear, and wants a value of every secret without one.
  if (key.secret === true && key.ofHost !== true) lines.push("  secret: true");
  else lines.push(...renderDefault(key.default ?? ""));
  return lines.map((line) => `  ${line}\n`).join("");
}

/** The items of a list whose example is of objects are objects: Resend's records. */
function itemTypeOf(key: ConfigKey): string {
  if (key.example.startsWith("[{")) return "object";
  const first: unknown = Array.isArray(key.default) ? key.default[0] : undefined;
  if (typeof first === "number") return "integer";
  return "string";
}

function renderDefault(value: NonNullable<ConfigKey["default"]>): readonly string[] {
  if (typeof value !== "object") return [`  default: ${JSON.stringify(value)}`];
  if (value.length === 0) return ["  default: []"];
  return ["  default:", ...value.map((item) => `    - ${JSON.stringify(item)}`)];
}

/** The table of keys in docs/reference.md. */
export function renderReference(): string {
  const rows = Object.entries<ConfigKey>(KEYS).map(([name, key]) =>
    [`\`mail:${name}\``, key.type, defaultCell(key), key.description, exampleCell(key)].map(cell).join(" | "),
  );
  return (
    [
      "",
      "| Key | Type | Default | Meaning | Example |",
      "| --- | --- | --- | --- | --- |",
      ...rows.map((row) => `| ${row} |`),
      "",
    ].join("\n") + "\n"
  );
}

function defaultCell(key: ConfigKey): string {
  if (key.secret === true) return "required, secret";
  if (key.derived !== undefined) return key.derived;
  if (key.default === undefined) return "required";
  return `\`${typeof key.default === "string" ? key.default : JSON.stringify(key.default)}\``;
}

function exampleCell({ example, input }: ConfigKey): string {
  if (input === undefined) return `\`${example}\``;
  return "pipe" in input ? `\`${input.pipe} |\`` : `\`< ${input.file}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

async function main(args: readonly string[]): Promise<number> {
  useDocumentedStack();
  const check = args[0] === "--check";
  if (args.length > 1 || (args.length === 1 && !check)) {
    process.stderr.write("Writes the generated parts of files. Usage: npm run generate [-- --check]\n");
    return 2;
  }
  const stale = new Map([...staleFiles(), ...(await staleWholeFiles())]);
  for (const [file, content] of stale) {
    if (check) process.stderr.write(`${file} is not up to date with its data. Run: npm run generate\n`);
    else writeFileSync(join(ROOT, file), content);
    if (!check) process.stdout.write(`wrote ${file}\n`);
  }
  return check && stale.size > 0 ? 1 : 0;
}

if (require.main === module) void main(process.argv.slice(2)).then((code) => (process.exitCode = code));
