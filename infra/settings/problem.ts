import { type Fault, quote } from "./fault";
import { type ConfigKey, KEYS, type KeyName, PROJECT } from "./keys";

/** One thing wrong with a stack file, ready to be shown. */
export interface Problem {
  /** Full key, `mail:domain`; of a list item `mail:aliases[1]`. */
  readonly key: string;
  /** The value, quoted, cut and escaped; never that of a secret. */
  readonly seen?: string;
  readonly fact: string;
  readonly consequence?: string;
  readonly allowed: string;
  /** Shell command that mends it; `{stack}` stands for the stack's name. */
  readonly command: string;
}

/** Builds the problem of a key from the fault of its value. `secret`: how the value is stored. */
export function problemOf(
  name: KeyName,
  allowed: string,
  fault: Fault,
  value: { text: string; secret: boolean },
): Problem {
  const { item } = fault;
  const key = item === undefined ? `${PROJECT}:${name}` : `${PROJECT}:${name}[${item.index}]`;
  // A private key pasted into any plain key is not repeated either: messages end up in CI logs.
  const { sensitive, encrypted }: ConfigKey = KEYS[name];
  const silent = value.secret || sensitive === true || encrypted === true || value.text.includes("PRIVATE KEY");
  const place = item?.field === undefined ? key : `${key}.${item.field}`;
  return {
    key,
    ...(silent ? {} : { seen: quote(item?.text ?? value.text) }),
    fact: `${place} ${fault.rule}${fault.detail === undefined || silent ? "" : `; ${fault.detail}`}.`,
    ...(fault.consequence === undefined ? {} : { consequence: fault.consequence }),
    allowed: fault.allowed ?? allowed,
    command: commandOf(name, silent ? { ...fault, mend: "VALUE" } : fault),
  };
}

/** The problem of a key that has neither a value nor a default. */
export function missing(name: KeyName, allowed: string): Problem {
  return {
    key: `${PROJECT}:${name}`,
    fact: `${PROJECT}:${name} is missing.`,
    allowed,
    command: setCommand(name),
  };
}

/** The problem of a secret that the stack file holds unencrypted. */
export function storedInTheClear(name: KeyName, allowed: string): Problem {
  return {
    key: `${PROJECT}:${name}`,
    fact: `${PROJECT}:${name} is a secret, but is stored in the clear in the stack file.`,
    consequence: "Everyone who can read the file or its git history has it: have a new one issued, and store that.",
    allowed,
    command: setCommand(name),
  };
}

/** The problem of a key that the host's stack has, in the stack of a further domain. */
export function ofHostStack(name: KeyName, hostStack: string): Problem {
  return {
    key: `${PROJECT}:${name}`,
    fact: `${PROJECT}:${name} belongs to the host, which stack ${hostStack} has (mail:hostStack).`,
    consequence: "It would have no effect here.",
    allowed: "nothing, in the stack of a further domain",
    command: `pulumi config rm ${PROJECT}:${name} --stack {stack}`,
  };
}

/** The problem of a key in the project's namespace that the program does not know. */
export function unknownKey(name: string, nearest: KeyName | undefined): Problem {
  const key = `${PROJECT}:${name}`;
  const remove = `pulumi config rm ${shellWord(key)} --stack {stack}`;
  return {
    key: quote(key).slice(1, -1),
    fact: `${quote(key)} is no setting of this program${nearest === undefined ? "" : `; the nearest one is ${PROJECT}:${nearest}`}.`,
    consequence: "Pulumi itself would ignore it and not say so.",
    allowed: "the keys in docs/reference.md",
    command: nearest === undefined ? remove : `${remove} && ${setCommand(nearest)}`,
  };
}

/** Renders what a person sees: every problem with what is allowed and the command that mends it. */
export function renderProblems(problems: readonly Problem[], stack: string): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const blocks = problems.map((problem) => {
    const lines = [
      [problem.fact, problem.consequence].filter((sentence) => sentence !== undefined).join(" "),
      ...(problem.seen === undefined ? [] : [`  seen:    ${problem.seen}`]),
      `  allowed: ${problem.allowed}`,
      `  run:     ${problem.command.replaceAll("{stack}", () => shellWord(stack))}`,
    ];
    return lines.join("\n");
  });
  return [`${count} in the settings of stack ${stack}. Nothing was changed.`, ...blocks].join("\n\n") + "\n";
}

/**
 * The command that sets a key. The forms are those that the engine accepts beside the schema in Pulumi.yaml: a list
 * given as JSON text is refused there ("must be of type 'array<string>'"), so lists are set by path.
 */
export function setCommand(name: KeyName, value = "VALUE"): string {
  const key = `${PROJECT}:${name}`;
  const { type, secret, encrypted, input, example }: ConfigKey = KEYS[name];
  if (secret === true || encrypted === true) {
    const command = `pulumi config set --secret ${key} --stack {stack}`;
    if (input === undefined) return command;
    return "pipe" in input ? `${input.pipe} | ${command}` : `${command} < ${input.file}`;
  }
  if (type === "array") return `pulumi config set --path '${key}[0]' ${shellWord(value)} --stack {stack}`;
  // What will stand there is several words, and the shell would hand over each as one.
  const word = value === "VALUE" && / /.test(example) ? "'VALUE'" : shellWord(value);
  return `pulumi config set ${key} ${word} --stack {stack}`;
}

function commandOf(name: KeyName, fault: Fault): string {
  const { item } = fault;
  if (item === undefined) {
    if (fault.remove === true) return `pulumi config rm ${PROJECT}:${name} --stack {stack}`;
    // A value of the wrong shape has to go first: a path cannot be set inside it.
    const clear = KEYS[name].type === "array" ? `pulumi config rm ${PROJECT}:${name} --stack {stack} && ` : "";
    return clear + setCommand(name, fault.mend);
  }
  const path = `${PROJECT}:${name}[${item.index}]`;
  const field = item.field === undefined ? "" : `.${item.field}`;
  if (fault.remove === true) return `pulumi config rm --path '${path}${field}' --stack {stack}`;
  return `pulumi config set --path '${path}${field}' ${shellWord(fault.mend ?? "VALUE")} --stack {stack}`;
}

/** Quotes a word for a POSIX shell where it needs it, and cuts what no one would type. */
function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word) && word.length <= LONGEST_WORD) return word;
  const cut = word.length > LONGEST_WORD ? `${word.slice(0, LONGEST_WORD)}...` : word;
  return `'${cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?").replaceAll("'", `'\\''`)}'`;
}

/** Longer than a domain name and than an SSH host key line with its comment. */
const LONGEST_WORD = 300;
