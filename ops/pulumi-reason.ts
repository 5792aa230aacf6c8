import { oneLine } from "../infra/settings/visible";

/** What the engine says, what it means and what to do; `{stack}` and `{1}` (of the pattern) are filled in. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [
    /incorrect passphrase/,
    "the passphrase is not the one of the stack {stack} (incorrect passphrase). Set PULUMI_CONFIG_PASSPHRASE or " +
      "PULUMI_CONFIG_PASSPHRASE_FILE to the right one",
  ],
  [
    /passphrase must be set/,
    "no passphrase is set for the secrets of the stack {stack}. Set it: " +
      "read -rs PULUMI_CONFIG_PASSPHRASE && export PULUMI_CONFIG_PASSPHRASE",
  ],
  [
    /unable to read PULUMI_CONFIG_PASSPHRASE_FILE/,
    "the file that PULUMI_CONFIG_PASSPHRASE_FILE names cannot be read. Name the right file, or unset the variable and set " +
      "PULUMI_CONFIG_PASSPHRASE",
  ],
  [
    /could not decrypt configuration values|message authentication failed/,
    "Pulumi.{stack}.yaml has a secret that this stack's key did not encrypt: it was copied from another stack, or changed. " +
      "Set each encrypted value again: pulumi config set --secret KEY --stack {stack} < FILE",
  ],
  [
    /PULUMI_ACCESS_TOKEN must be set|not (?:currently )?logged in/,
    "pulumi is not logged in where the state lies. Log in there: pulumi login file://FOLDER (docs/operate.md)",
  ],
  [
    /no stack named '([^']*)' found/,
    "there is no stack {1} in the place where pulumi is logged in (pulumi whoami -v). To list the stacks: pulumi stack ls",
  ],
  [/no Pulumi\.yaml project file found/, "this folder has no Pulumi.yaml. Change into the checkout of this program"],
  [
    /stack is currently locked/,
    "another pulumi holds the lock of the stack {stack}, or one was killed. Once none is running: pulumi cancel --stack {stack}",
  ],
  [/invalid YAML file/, "Pulumi.{stack}.yaml is not valid YAML. To see where: npm run settings -- {stack}"],
  [
    /(unable to open (?:state directory|bucket)[^\n]*|read "\.pulumi[^\n]*|[^\n]*(?:connection refused|no such host)[^\n]*)/,
    "the place of the state cannot be read: {1}. To see which place it is: pulumi whoami -v",
  ],
];

/** When the program pulumi cannot be found. */
export const NO_PULUMI = "pulumi is not on the PATH. Install it: docs/start.md";

/**
 * Why a run of pulumi failed and what to do about it, as a sentence without its end; the engine's own words where they are
 * not among the known ones. Fit for a terminal.
 *
 * @param output what the engine printed, standard error at least. It must hold no secret
 */
export function pulumiReason(output: string, stack: string): string {
  return knownReason(output, stack) ?? (ownWords(output) || "it gave no reason");
}

/** Undefined when the engine's own words say it better: those of a run that had begun name the resource and what its service said. */
export function knownReason(output: string, stack: string): string | undefined {
  if (diagnosticsIn(output.split("\n")).length > 0) return undefined;
  for (const [pattern, text] of KNOWN) {
    const found = pattern.exec(output);
    if (found === null) continue;
    const [, first = ""] = found;
    return oneLine(text.replaceAll("{stack}", () => stack).replace("{1}", () => first.replace(/^error: /, "")));
  }
  return undefined;
}

/**
 * The lines that say what is wrong, without those about what went well before. An `up` lists them under Diagnostics, together with what a
 * script on the host said: fact, consequence and next command.
 */
function ownWords(output: string): string {
  const lines = output.trim().split("\n");
  const diagnostics = diagnosticsIn(lines).slice(0, MAX_DIAGNOSTIC_LINES);
  const errors = lines.filter((line) => /\berror: /.test(line));
  const told = diagnostics.length > 0 ? diagnostics : (errors.length > 0 ? errors : lines).slice(0, MAX_LINES);
  return told.map((line) => oneLine(line.replace(/^\s*error: /, "")).trim()).join("\n");
}

function diagnosticsIn(lines: readonly string[]): readonly string[] {
  const behind = lines.slice(lines.lastIndexOf("Diagnostics:") + 1);
  if (behind.length === lines.length) return [];
  const end = behind.findIndex((line) => /^(Outputs|Resources|Duration):/.test(line));
  return behind.slice(0, end < 0 ? behind.length : end).filter((line) => line.trim() !== "");
}

/** A stack trace helps nobody. */
const MAX_LINES = 5;
/** Several resources may fail at once. */
const MAX_DIAGNOSTIC_LINES = 40;
