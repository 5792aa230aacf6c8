/**
 * Finds what the engine reads differently from this program, or not at all, although each value may be valid in itself. The
 * engine is written in Go and reads YAML with gopkg.in/yaml.v3, which accepts YAML 1.1's numbers and dates. tests/engine
 * compares the two.
 */
import { type Document, isAlias, isCollection, isMap, isPair, isScalar, type Node, Scalar, visit } from "yaml";
import { ALLOWED } from "./allowed";
import { cipherFault, isEncrypted } from "./ciphertext";
import { quote } from "./fault";
import { type ConfigKey, KEYS, PROJECT } from "./keys";
import { type Problem, setCommand } from "./problem";
import { NAMESPACES } from "./providers";
import { isKeyName, nearest } from "./spelling";

/** The sections of a stack file that the engine reads; it silently ignores all others. */
const SECTIONS = ["config", "encryptionsalt", "secretsprovider", "encryptedkey"];
const EDIT = '"${EDITOR:-vi}" Pulumi.{stack}.yaml';

/** Problems of the file around its settings. */
export function sectionProblems(document: Document): readonly Problem[] {
  if (document.contents === null) return [];
  if (!isMap(document.contents)) return [ofFile("The file", "is not a map of sections.")];
  return document.contents.items.flatMap(({ key, value }): Problem[] => {
    const name = isScalar(key) ? String(key.value) : "?";
    if (SECTIONS.includes(name))
      return name !== "config" && isCollection(isAlias(value) ? value.resolve(document) : value)
        ? [ofFile(quote(name), "is not a text.", "Pulumi refuses the file.")]
        : [];
    if (name === "environment")
      return [
        ofFile(
          quote(name),
          "is a section of Pulumi ESC.",
          "Pulumi would see the values that it adds, but this program would not.",
        ),
      ];
    const meant = nearest(name, SECTIONS);
    return [
      ofFile(
        quote(name),
        `is not a section of a stack file${meant === undefined ? "" : `; the nearest one is ${meant}`}.`,
        "Pulumi ignores it and does not say so.",
      ),
    ];
  });
}

function ofFile(what: string, fact: string, consequence?: string): Problem {
  return {
    key: what,
    fact: `${what} ${fact}`,
    ...(consequence === undefined ? {} : { consequence }),
    allowed: `the sections ${SECTIONS.join(", ")}`,
    command: EDIT,
  };
}

/** A key as the engine takes it: `namespace:name`, or what is wrong with it. */
export function keyProblem(key: unknown): Problem | undefined {
  const scalar = isScalar(key) ? key : undefined;
  const text = typeof scalar?.value === "string" && !rewritten(scalar) ? scalar.value : undefined;
  const shown = quote(text ?? scalar?.source ?? "a list or map");
  const problem = (fact: string, consequence: string, allowed: string, command = EDIT): Problem => {
    return { key: shown.slice(1, -1), fact: `${shown} ${fact}`, consequence, allowed, command };
  };
  if (text === undefined)
    return problem(
      "is not a text, so it cannot be a key.",
      "Pulumi refuses or loses it.",
      "keys as in docs/reference.md",
    );
  if (text === "<<")
    return problem("merges another map.", "Pulumi merges it, this program does not.", "each key written out");
  const [namespace = "", name = "", ...more] = text.split(":");
  if (!text.includes(":"))
    return problem(
      "has no namespace.",
      "Pulumi adds the project's; if a second key then has that name, chance decides which one counts.",
      `${PROJECT}:${text}`,
    );
  if (more.length > 0 || name === "" || namespace === "")
    return problem(
      "is not a namespace and a name.",
      "Pulumi refuses it or reads another key.",
      "keys as in docs/reference.md",
    );
  if (namespace === PROJECT) return undefined;
  const known = NAMESPACES.get(namespace);
  const remove = `pulumi config rm '${text.replaceAll("'", "")}' --stack {stack}`;
  if (known === undefined) {
    const meant = nearest(namespace, [PROJECT, ...NAMESPACES.keys()]);
    return problem(
      `is in a namespace that nothing here reads${meant === undefined ? "" : `; the nearest one is ${meant}`}.`,
      "Pulumi itself would ignore it and not say so.",
      [PROJECT, ...NAMESPACES.keys()].join(", "),
      remove,
    );
  }
  if (known.keys === undefined || known.keys.includes(name)) return undefined;
  const meant = nearest(name, known.keys);
  return problem(
    `is not a setting of the provider${meant === undefined ? "" : `; the nearest one is ${namespace}:${meant}`}.`,
    "Pulumi itself would ignore it and not say so.",
    known.keys.map((each) => `${namespace}:${each}`).join(", "),
    remove,
  );
}

/** The part of a value that the engine would misread or refuse. @param hasSalt values are encrypted with a passphrase */
export function valueProblem(
  key: string,
  node: Node | null,
  document: Document,
  hasSalt: boolean,
): Problem | undefined {
  const [namespace = "", name = ""] = key.split(":");
  const setting: ConfigKey | undefined = namespace === PROJECT && isKeyName(name) ? KEYS[name] : undefined;
  const isSecret =
    setting?.secret === true ||
    setting?.encrypted === true ||
    NAMESPACES.get(namespace)?.secret.includes(name) === true;
  const cipher = cipherFault(node, hasSalt);
  const secretCommand = `pulumi config set --secret ${key} --stack {stack} < FILE`;
  if (cipher !== undefined)
    return { key, fact: `${key} ${cipher}`, allowed: "what pulumi config set --secret writes", command: secretCommand };
  if (namespace !== PROJECT && isSecret && !isEncrypted(node) && !isNothing(node))
    return {
      key,
      fact: `${key} is a secret, but is stored in the clear in the stack file.`,
      consequence: "Everyone who can read the file or its git history has it: have a new one issued, and store that.",
      allowed: "an encrypted value",
      command: secretCommand,
    };
  // The parser reports a secret of the project that is not encrypted; its text must not be repeated here.
  if (namespace === PROJECT && isSecret) return undefined;
  const allowed = setting !== undefined && isKeyName(name) ? ALLOWED[name] : "the same in quotes";
  const set =
    setting !== undefined && isKeyName(name) ? setCommand(name) : `pulumi config set ${key} VALUE --stack {stack}`;
  const silent = setting?.sensitive === true;
  const text = isScalar(node) && typeof node.value === "string" ? node.value : undefined;
  if (setting?.type === "array" && text !== undefined)
    return {
      key,
      ...(silent ? {} : { seen: quote(text) }),
      fact: `${key} is a text in the file, not a list.`,
      consequence: "Pulumi refuses it, even when the text is JSON.",
      allowed,
      command: `pulumi config rm ${key} --stack {stack} && ${set}`,
    };
  const odd = oddNode(node, document);
  if (odd === undefined) return undefined;
  if (!isScalar(odd) || isOddKey(odd))
    return {
      key,
      fact: isScalar(odd)
        ? `${key} has a map in the file whose key is not a text.`
        : `${key} has a list or map in the file with ${odd.tag === undefined ? "a key twice" : `the tag ${quote(odd.tag)}`}.`,
      consequence: "Pulumi reads something else or refuses it.",
      allowed,
      command: EDIT,
    };
  return {
    key,
    ...(silent ? {} : { seen: quote(odd.source ?? String(odd.value)) }),
    fact: `${key} is ${kindOf(odd)} in the file, not a text.`,
    consequence: "Pulumi rewrites such a value or refuses it (0123 becomes 83, a date a time): put it in quotes.",
    allowed,
    command: odd === node && !silent ? set : EDIT,
  };
}

/** The first part of a value that the engine does not read as it is written. */
function oddNode(node: Node | null, document: Document): Node | undefined {
  let odd: Node | undefined;
  const found = (part: Node): symbol => {
    odd = part;
    return visit.BREAK;
  };
  if (node !== null)
    visit(node, {
      Pair: (_, { key }) => (isScalar(key) ? (isOddKey(key) ? found(key) : undefined) : found(new Scalar(null))),
      Collection: (_, collection) => (isOddCollection(collection) ? found(collection) : undefined),
      Scalar: (_, scalar) => (rewritten(scalar) ? found(scalar) : undefined),
      Alias: (_, alias) => {
        const meant = alias.resolve(document);
        if (meant !== undefined && meant !== node) odd ??= oddNode(meant, document);
        return odd === undefined ? undefined : visit.BREAK;
      },
    });
  return odd;
}

/** With another tag the engine reads another kind of list or map; keys are texts to it, so `1` and `"1"` are the same. */
function isOddCollection({ tag, items }: { readonly tag?: string; readonly items: readonly unknown[] }): boolean {
  if (tag !== undefined && !["tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"].includes(tag)) return true;
  const keys = items.flatMap((item) => (isPair(item) && isScalar(item.key) ? [String(item.key.value)] : []));
  return new Set(keys).size < keys.length;
}

/** Null becomes a word of Go's, and `<<` merges. */
function isOddKey({ value }: Scalar): boolean {
  return value === null || value === "<<";
}

/** A number that stays as it is: JSON's, without an exponent, and within what a double holds. */
const PLAIN_NUMBER = /^(?:0|-?[1-9]\d{0,14}|-?(?:0|[1-9]\d{0,7})\.\d{0,6}[1-9])$/;
/** What YAML 1.1, YAML 1.2 or Go read as a number or a time, and more. */
const NUMBER =
  /^[-+]?(?:0[box][\da-f_]*|[\d_]*\d[\d_]*\.?[\d_]*(?:e[-+]?[\d_]+)?|\.[\d_]+(?:e[-+]?[\d_]+)?|\.inf|\.nan)$/i;
const TIME = /^\d{4}-\d{1,2}-\d{1,2}(?:$|[Tt\s])/;
const OTHER_WORD = /^(?:true|false|null)$/i;

/** Whether the engine may read a scalar differently from this program, or from how it is written. */
function rewritten(scalar: Scalar): boolean {
  const { source = "", type, tag } = scalar;
  if (tag === "tag:yaml.org,2002:str") return false;
  if (tag !== undefined) return true;
  if (type !== undefined && type !== Scalar.PLAIN) return false;
  if (["", "~", "null", "true", "false"].includes(source) || PLAIN_NUMBER.test(source)) return false;
  return NUMBER.test(source) || TIME.test(source) || OTHER_WORD.test(source);
}

function kindOf({ tag, source = "" }: Scalar): string {
  if (tag !== undefined) return `a value with the tag ${quote(tag)}`;
  if (TIME.test(source)) return "a date";
  return OTHER_WORD.test(source) ? "a truth value or null" : "a number";
}

function isNothing(node: Node | null): boolean {
  return node === null || (isScalar(node) && (node.value === null || node.value === ""));
}
