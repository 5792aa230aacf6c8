import type { StackOf } from "./pulumi";
import {
  type Change,
  changed,
  type Config,
  nextOf,
  type Progress,
  progressKey,
  progressOf,
  type Rotation,
  type Source,
  type Stage,
} from "./rotation";

/** A wait up to this long is waited for; for a longer one the command ends and says when to come back. */
const PATIENCE_SECONDS = 300;

export interface Surroundings {
  readonly stack: StackOf;
  readonly given: string | undefined;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  readonly say: (line: string) => void;
}

/** `until`: the rotation goes on then; undefined: it is done. */
export interface Result {
  readonly until: Date | undefined;
}

/**
 * Goes on with a rotation as far as it can be now. What is about to change is written down, encrypted, before the first key
 * changes: killed anywhere, the next run does the same stage again, with the same values.
 *
 * @throws RotationError with what failed; the rotation can be gone on with
 */
export async function rotate(name: string, rotation: Rotation, at: Surroundings): Promise<Result> {
  const { stack, now, say } = at;
  for (;;) {
    const config = await stack.config();
    const next = nextOf(rotation, progressOf(name, config), now());
    if (next.kind === "end") {
      await stack.apply([{ key: progressKey(name), remove: true }]);
      say(`Done.${rotation.byHand === undefined ? "" : ` ${rotation.byHand}`}`);
      return { until: undefined };
    }
    if (next.kind === "wait") {
      const left = next.until.getTime() - now().getTime();
      if (left > PATIENCE_SECONDS * 1_000) {
        say(`Next, not before ${next.until.toISOString()}: ${next.stage.title}. Run the same command then.`);
        return { until: next.until };
      }
      say(`Waiting ${Math.ceil(left / 1_000)} s.`);
      await at.sleep(left);
      continue;
    }
    await runStage(name, next.stage, next.changes, config, at);
  }
}

async function runStage(
  name: string,
  stage: Stage,
  begun: readonly Change[] | undefined,
  config: Config,
  { stack, given, now, say }: Surroundings,
): Promise<void> {
  say(`${begun === undefined ? "" : "Again: "}${stage.title}.`);
  const changes = begun ?? stage.changes(config, { given, now: now() });
  const note = (status: Progress["status"]) =>
    stack.apply([
      {
        key: progressKey(name),
        value: JSON.stringify({
          stage: stage.name,
          status,
          at: now().toISOString(),
          changes: status === "begun" ? changes : [],
        } satisfies Progress),
        secret: true,
      },
    ]);
  if (begun === undefined) await note("begun");
  await stack.apply(changes);
  await stack.up();
  if (stage.isForFurther)
    for (const further of await stack.further()) {
      say(`The same for the further domain's stack ${further}: pulumi up.`);
      await stack.up(further);
    }
  await note("done");
}

/** What {@link rotate} would do, a line for each stage and setting; no value of a secret is in it. `further`: stacks. */
export function plan(
  name: string,
  rotation: Rotation,
  config: Config,
  source: Source,
  further: readonly string[],
): readonly string[] {
  const progress = progressOf(name, config);
  const lines: string[] = [];
  let present = config;
  let state = progress;
  for (let when = source.now; ;) {
    const next = nextOf(rotation, state, when);
    if (next.kind === "end") return lines;
    if (next.kind === "wait") {
      when = next.until;
      lines.push(`wait until ${when.toISOString()} at the earliest`);
      continue;
    }
    const changes = next.changes ?? next.stage.changes(present, { ...source, now: when });
    lines.push(`${next.stage.name}: ${next.stage.title}`, ...changes.map((change) => describe(change, present)));
    lines.push(
      "  pulumi up",
      ...(next.stage.isForFurther ? further.map((stack) => `  pulumi up --stack ${stack}`) : []),
    );
    present = changed(present, changes);
    state = { stage: next.stage.name, status: "done", at: when.toISOString(), changes: [] };
  }
}

function describe(change: Change, config: Config): string {
  if ("remove" in change) return `  remove ${change.key}`;
  if (change.secret) return `  set ${change.key} [secret]`;
  const value = change.value.length > 30 ? `${change.value.slice(0, 30)}…` : change.value;
  const before = config.get(change.key);
  return `  set ${change.key} ${before === undefined || before.length > 20 ? "" : `from ${before} `}to ${value}`;
}
