/**
 * A rotation is a list of stages. Each changes settings of the stack and is applied by one `pulumi up`; between two of them
 * there may have to be time. What is old works until the stage after the one that made the new one known.
 */

/** The stack's configuration in plain text, by whole key (`mail:domain`). */
export type Config = ReadonlyMap<string, string>;

export type Change =
  | { readonly key: string; readonly value: string; readonly secret: boolean }
  | { readonly key: string; readonly remove: true };

/** What a stage may need from outside the configuration. */
export interface Source {
  /** Read from standard input; undefined: there was nothing. */
  readonly given: string | undefined;
  readonly now: Date;
}

export interface Stage {
  /** One word, unique in the rotation; it is kept in the configuration. */
  readonly name: string;
  /** What is so afterwards. */
  readonly title: string;
  /** Since the `up` of the stage before, in seconds. */
  readonly waitSeconds: number;
  readonly changes: (config: Config, source: Source) => readonly Change[];
  /** What is new goes to the further domains on this host too: their `up` follows the host's. */
  readonly isForFurther?: true;
}

export interface Rotation {
  /** For the list in the usage. */
  readonly what: string;
  /** What standard input must have, when it must have something. */
  readonly given?: string;
  readonly stages: readonly Stage[];
  /** What a person has to do at the end, if anything. */
  readonly byHand?: string;
}

/** What cannot be done, in words for the operator. */
export class RotationError extends Error {
  override readonly name = "RotationError";
}

/** How far a rotation has come. It is kept, encrypted, in the stack's configuration, and nowhere else. */
export interface Progress {
  readonly stage: string;
  /** `begun`: its changes are to be written and applied, also again; `done`: `up` has ended well. */
  readonly status: "begun" | "done";
  /** ISO 8601; of `done`, when `up` ended. */
  readonly at: string;
  /** Of a stage that has begun, so that doing it again does the same. */
  readonly changes: readonly Change[];
}

/** Pulumi checks keys of the project's own namespace only; the program never reads this one. */
export function progressKey(name: string): string {
  return `rotate:${name}`;
}

export function progressOf(name: string, config: Config): Progress | undefined {
  const text = config.get(progressKey(name));
  if (text === undefined) return undefined;
  const value = parsed(text);
  if (isProgress(value)) return value;
  throw new RotationError(
    `${progressKey(name)} does not say how far the rotation is. Nothing was changed. ` +
      `Look at it (pulumi config get ${progressKey(name)}); to begin anew: pulumi config rm ${progressKey(name)}`,
  );
}

/** What to do next: a stage to begin or to go on with, how long to wait before, or that all is done. */
export type Next =
  | { readonly kind: "stage"; readonly stage: Stage; readonly changes: readonly Change[] | undefined }
  | { readonly kind: "wait"; readonly stage: Stage; readonly until: Date }
  | { readonly kind: "end" };

export function nextOf({ stages }: Rotation, progress: Progress | undefined, now: Date): Next {
  const index = progress === undefined ? -1 : stages.findIndex(({ name }) => name === progress.stage);
  const current = stages[index];
  if (progress !== undefined && current === undefined)
    throw new RotationError(
      `The rotation stands at "${progress.stage}", which this release does not know. Nothing was changed. ` +
        "Finish it with the release that began it.",
    );
  if (current !== undefined && progress?.status === "begun")
    return { kind: "stage", stage: current, changes: progress.changes };
  const stage = stages[index + 1];
  if (stage === undefined) return { kind: "end" };
  const until = new Date((progress === undefined ? 0 : Date.parse(progress.at)) + stage.waitSeconds * 1_000);
  return progress !== undefined && until > now
    ? { kind: "wait", stage, until }
    : { kind: "stage", stage, changes: undefined };
}

/** The configuration after changes. */
export function changed(config: Config, changes: readonly Change[]): Config {
  const after = new Map(config);
  for (const change of changes) {
    if ("remove" in change) after.delete(change.key);
    else after.set(change.key, change.value);
  }
  return after;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProgress(value: unknown): value is Progress {
  return (
    isRecord(value) &&
    typeof value["stage"] === "string" &&
    (value["status"] === "begun" || value["status"] === "done") &&
    !Number.isNaN(Date.parse(String(value["at"]))) &&
    Array.isArray(value["changes"]) &&
    value["changes"].every((change: unknown) => isRecord(change) && typeof change["key"] === "string")
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
