import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Document, isMap, isNode, isScalar, type Node } from "yaml";
import { SALT, saltProblems } from "./ciphertext";
import { quote } from "./fault";
import { type FurtherValues, hostStackOf, parseFurther } from "./further";
import { PROJECT } from "./keys";
import { keyProblem, sectionProblems, valueProblem } from "./notation";
import { inKeyOrder, type ParseResult, parseSettings, renderProblems } from "./parse";
import type { Problem } from "./problem";
import { defaultProblems, jsonText } from "./project-file";
import type { RawConfig, RawValue } from "./raw";
import type { Settings } from "./settings";
import { readYaml, StackFileError } from "./yaml-file";

export { StackFileError } from "./yaml-file";

/** A stack file read without the engine: what it says, and what is wrong with how it says it. */
export interface StackFile {
  readonly raw: RawConfig;
  readonly problems: readonly Problem[];
}

export interface StackFileOptions {
  /** Plaintext by bare key; takes the place of what the file encrypts or lacks. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Plain values by bare key, as Pulumi hands them over; take the place of the file's. For stand-ins of real hosts. */
  readonly values?: Readonly<Record<string, string>>;
  /** The folder of the stack file; {@link stackDirectory} by default. */
  readonly directory?: string;
}

/** The checkout. */
const PROJECT_DIRECTORY = resolve(__dirname, "../..");

/** The deployment that docs/ describes. The sandbox, the tests and the generator use it, so that none reads an operator's file. */
export const DOCUMENTED_DIRECTORY = join(PROJECT_DIRECTORY, "stacks/documented");

/** Names another folder of stack files than the checkout's own, also for the processes that this one starts. */
export const STACK_DIRECTORY_VARIABLE = "MAIL_STACK_DIRECTORY";

/** Where stack files lie. */
export function stackDirectory(): string {
  const elsewhere = process.env[STACK_DIRECTORY_VARIABLE];
  return elsewhere === undefined || elsewhere === "" ? PROJECT_DIRECTORY : resolve(elsewhere);
}

/** From now on this process reads the stack files of {@link DOCUMENTED_DIRECTORY}. */
export function useDocumentedStack(): void {
  process.env[STACK_DIRECTORY_VARIABLE] = DOCUMENTED_DIRECTORY;
}

/** The settings of a stack file, or an error that says what is wrong or missing. Runs no engine, decrypts nothing. */
export function settingsOf(stack: string, options: StackFileOptions = {}): Settings {
  const file = merged(stack, options);
  const hostStack = hostStackOf(file.raw);
  if (hostStack !== "") throw new StackFileError(isFurther(stack, hostStack));
  return settled(stack, checked(file, parseSettings(file.raw)));
}

/** For commands that need a host, given a further domain's stack. */
export function isFurther(stack: string, hostStack: string): string {
  return (
    `${stack} is a further domain on the host of ${hostStack} (mail:hostStack), and this command works on a stack that has ` +
    `a host. Nothing was done. Run it for that one, with ${hostStack} in the place of ${stack}.`
  );
}

/** What the stack file of a further domain says of its own, or an error as above. */
export function furtherValuesOf(stack: string, options: StackFileOptions = {}): FurtherValues {
  const file = merged(stack, options);
  return settled(stack, checked(file, parseFurther(file.raw)));
}

function settled<T>(stack: string, result: ParseResult<T>): T {
  if (result.kind === "settings") return result.settings;
  if (result.kind === "problems") throw new StackFileError(renderProblems(result.problems, stack));
  const keys = result.keys.join(", ");
  throw new StackFileError(
    `The plaintext of ${keys} is needed and is encrypted in Pulumi.${stack}.yaml. ` +
      `With PULUMI_CONFIG_PASSPHRASE set, this shows it: pulumi config --show-secrets --json --stack ${stack}`,
  );
}

/** Checks a stack file as the program would, as far as it can be read without the engine. */
export function checkStackFile(stack: string, options: StackFileOptions = {}): ParseResult<Settings | FurtherValues> {
  const file = merged(stack, options);
  return checked<Settings | FurtherValues>(
    file,
    hostStackOf(file.raw) === "" ? parseSettings(file.raw) : parseFurther(file.raw),
  );
}

/** The file with the given values in place of its own; their problems are no longer the file's. */
function merged(stack: string, options: StackFileOptions): StackFile {
  const file = readStackFile(stack, options.directory);
  const raw = new Map(file.raw);
  for (const [key, text] of Object.entries(options.values ?? {})) raw.set(key, { text, secret: false });
  for (const [key, text] of Object.entries(options.secrets ?? {})) raw.set(key, { text, secret: true });
  const overridden = new Set([...Object.keys(options.values ?? {}), ...Object.keys(options.secrets ?? {})]);
  // Nothing is left to decrypt.
  if ([...raw.values()].every(({ text }) => text !== undefined)) overridden.add(SALT);
  return { raw, problems: file.problems.filter(({ key }) => !overridden.has(key.replace(/^[^:]*:/, ""))) };
}

/** The parser's result with the file's own problems. */
function checked<T>({ problems }: StackFile, result: ParseResult<T>): ParseResult<T> {
  if (problems.length === 0) return result;
  // The file's own problem says more than what the parser made of the same value.
  const known = new Set(problems.map(({ key }) => key));
  const others = result.kind === "problems" ? result.problems.filter(({ key }) => !known.has(key)) : [];
  return { kind: "problems", problems: inKeyOrder([...problems, ...others]) };
}

/** Reads `Pulumi.<stack>.yaml`: keys of the project's namespace, `{secure: ...}` as a secret without plaintext. */
export function readStackFile(stack: string, directory: string = stackDirectory()): StackFile {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(stack)) {
    throw new StackFileError(`${quote(stack)} is no stack name. Allowed are letters, digits and . _ - (at most 100).`);
  }
  const fileName = `Pulumi.${stack}.yaml`;
  const path = join(directory, fileName);
  if (!existsSync(path)) {
    throw new StackFileError(`There is no ${fileName} here. Make one: pulumi stack init ${stack}`);
  }
  const document = readYaml(path, fileName);
  const projectFile = join(directory, "Pulumi.yaml");
  const problems = [
    ...(existsSync(projectFile) ? defaultProblems(readYaml(projectFile, "Pulumi.yaml")) : []),
    ...sectionProblems(document),
  ];
  const config = document.get("config");
  if (config === undefined || config === null) return { raw: new Map(), problems };
  if (!isMap(config)) throw new StackFileError(`The section config of ${fileName} is not a map of keys to values.`);

  const raw = new Map<string, RawValue>();
  const hasSalt = document.has(SALT);
  for (const { key, value } of config.items) {
    const ofKey = keyProblem(key);
    if (ofKey !== undefined) problems.push(ofKey);
    const [namespace, ...name] = stringOf(key).split(":");
    const node = isNode(value) ? value : null;
    if (namespace === PROJECT && ofKey === undefined) raw.set(name.join(":"), rawValue(node, document));
    const ofValue = valueProblem(stringOf(key), node, document, hasSalt);
    if (ofValue !== undefined && ofKey === undefined) problems.push(ofValue);
  }
  problems.push(...saltProblems(document));
  return { raw, problems };
}

function rawValue(node: Node | null, document: Document): RawValue {
  const value: unknown = node?.toJS(document);
  if (holdsCiphertext(value)) return { text: undefined, secret: true };
  if (value === null || value === undefined) return { text: "", secret: false };
  return { text: typeof value === "string" ? value : jsonText(value), secret: false };
}

/** Pulumi writes an encrypted value as `secure: v1:...`, also inside a list; then it treats the whole key as secret. */
function holdsCiphertext(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "secure" && typeof Object.values(value)[0] === "string") return true;
  return Object.values(value).some(holdsCiphertext);
}

function stringOf(value: unknown): string {
  const plain = isScalar(value) ? value.value : value;
  return typeof plain === "string" ? plain : "";
}
