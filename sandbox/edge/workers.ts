import { listAt, type Props, textAt, textsAt } from "../cloud/props";
import { temporaryFolder } from "../temporary";
import type { Outbound, Upgrade } from "./outbound";
import { type DeclaredBinding, runEmailWorker, type RunningWorker } from "./worker-runtime";

/** The uploaded scripts, the newest version of each running, with the bindings that were declared for it. */
export class Workers {
  readonly #running = new Map<string, { readonly version: string; readonly worker: Promise<RunningWorker> }>();
  /** Objects outlive the version of a script that wrote them. */
  readonly #buckets = temporaryFolder();

  /** @param outbound answers every fetch of every Worker @param upgrade says where their WebSockets go */
  constructor(
    private readonly outbound: Outbound,
    private readonly upgrade: Upgrade,
  ) {}

  /** Where workerd keeps the objects of the buckets, a folder for each. */
  get bucketFolder(): string {
    return this.#buckets.path;
  }

  /** @param script the properties of a WorkersScript */
  of(script: Props): Promise<RunningWorker> {
    const name = textAt(script, "scriptName") ?? "";
    const version = JSON.stringify(script);
    const known = this.#running.get(name);
    if (known?.version === version) return known.worker;
    const worker = this.#start(script, known?.worker);
    this.#running.set(name, { version, worker });
    return worker;
  }

  async close(): Promise<void> {
    for (const { worker } of this.#running.values()) await (await worker).dispose();
    this.#running.clear();
    this.#buckets.remove();
  }

  /** The version before ends first: two processes must not open one bucket. */
  async #start(script: Props, before: Promise<RunningWorker> | undefined): Promise<RunningWorker> {
    await (await before)?.dispose();
    return runEmailWorker({
      script: textAt(script, "content") ?? "",
      bindings: listAt(script, "bindings").map(declared),
      compatibilityDate: textAt(script, "compatibilityDate") ?? "",
      compatibilityFlags: textsAt(script, "compatibilityFlags"),
      outbound: this.outbound,
      upgrade: this.upgrade,
      r2Folder: this.bucketFolder,
    });
  }
}

/** @throws Error for a binding that the sandbox cannot give to a running Worker: it must not be left out unseen. */
function declared(binding: Props): DeclaredBinding {
  const type = binding["type"];
  const name = textAt(binding, "name") ?? "";
  if (type === "r2_bucket") return { type, name, bucketName: textAt(binding, "bucketName") ?? "" };
  if (type !== "plain_text" && type !== "secret_text")
    throw new Error(`the sandbox cannot run a Worker with the binding ${name} of type ${String(type)}`);
  return { type, name, text: textAt(binding, "text") ?? "" };
}
