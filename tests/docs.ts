import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(__dirname, "..");

/** Commands that a page tells its reader to type, each as it stands there, without prompt and comment. */
export interface PageCommands {
  /** Of blocks of code. */
  readonly blocks: ReadonlySet<string>;
  /** Inside a sentence or a table; may be a command's beginning that stands for its name. */
  readonly inline: ReadonlySet<string>;
}

/** What a command begins with, and a blank after it; a word alone is a name. */
const BEGINS = new RegExp(
  `^(?:[A-Z_]+=\\S+ )?(?:${[
    ...["npm", "npx", "node", "pulumi", "git", "openssl", "docker", "restic", "rest-server", "mail-backup", "onhost"],
    ...["systemctl", "journalctl", "loginctl", "sudo", "ssh", "ssh-keyscan", "curl", "dig", "swaks", "nslookup"],
    ...["tailscale", "cloudflared", "cat", "grep", "df", "unset", "export", "read", "\\.ci/\\S+", "~/apps/backup/\\S+"],
  ].join("|")})(?: |$)`,
);
const SHELLS = ["sh", "bash", "console"];

/** README.md and all pages below docs/, by path from the checkout. */
export function pages(): readonly string[] {
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" });
  return ["README.md", ...docs.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)].sort();
}

export function pageText(page: string): string {
  return readFileSync(join(ROOT, page), "utf8");
}

/** Pure. Fenced blocks of a shell count line by line, other blocks where a line begins like a command. */
export function commandsIn(markdown: string): PageCommands {
  const blocks = new Set<string>();
  const prose: string[] = [];
  let fence: string | undefined;
  for (const line of markdown.split("\n")) {
    const mark = /^\s*```(\w*)/.exec(line);
    if (mark) fence = fence === undefined ? (mark[1] ?? "") : undefined;
    else if (fence === undefined && !/^ {4}\s*\S/.test(line)) prose.push(line);
    else {
      const command = line
        .trim()
        .replace(/^\$ /, "")
        .replace(/\s+#.*$/, "");
      const isShell = fence !== undefined && SHELLS.includes(fence);
      const isOther = fence !== undefined && fence !== "" && !isShell;
      const isCommand = isShell ? command !== "" && !command.startsWith("#") : !isOther && BEGINS.test(command);
      if (isCommand && (isShell || command.includes(" "))) blocks.add(command);
      // A list's own lines are indented too.
      else if (fence === undefined) prose.push(line);
    }
  }
  // A table's rows are apart; an empty cell of code in one would pair wrongly.
  const inline = prose
    .map((line) => (line.trimStart().startsWith("|") ? `\n${line.replaceAll("``", "")}\n` : line))
    .join("\n")
    .split(/\n\s*\n/)
    .flatMap((paragraph) => [...paragraph.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code))
    .map((code) => code.replaceAll(/\s+/g, " ").replaceAll("\\|", "|").trim())
    // What ends in a pipe is the first half of a command.
    .filter((code) => code.includes(" ") && BEGINS.test(code) && !/^\S+:|\|$/.test(code));
  return { blocks, inline: new Set(inline) };
}

/**
 * A command as a page has it, for a test that runs it: docs and tests cannot drift apart. Both arguments are texts in the
 * source, because tests/unit/docs looks for them there.
 *
 * @throws Error when the page does not have it any more
 */
export function fromDocs(page: string, command: string): string {
  const { blocks, inline } = commandsIn(pageText(page));
  if (blocks.has(command) || inline.has(command)) return command;
  throw new Error(`${page} does not tell to type: ${command}\nMend the page, or this test with it.`);
}

/** The words of a command; quotes keep blanks. No variables, pipes or redirections: a shell runs those. */
export function words(command: string): readonly string[] {
  return (command.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, "$1"));
}
