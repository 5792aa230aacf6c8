import { listAt, type Props, textAt, textsAt } from "../cloud/props";
import type { Outbound } from "./outbound";
import { type DeclaredBinding, runEmailWorker, type RunningWorker } from "./worker-runtime";

/** The uploaded scripts, each version running once, with the bindings that were declared for it. */
export class Workers {
  readonly #running = new Map<string, RunningWorker>();

  /** @param outbound answers every fetch of every Worker */
  constructor(private readonly outbound: Outbound) {}

  /** @param script the properties of a WorkersScript */
  of(script: Props): RunningWorker {
    const version = JSON.stringify(script);
    const known = this.#running.get(version);
    if (known) return known;
    const worker = runEmailWorker({
      script: textAt(script, "content") ?? "",
      bindings: listAt(script, "bindings").map(declared),
      compatibilityDate: textAt(script, "compatibilityDate") ?? "",
      compatibilityFlags: textsAt(script, "compatibilityFlags"),
      outbound: this.outbound,
    });
    this.#running.set(version, worker);
    return worker;
  }

  async close(): Promise<void> {
    for (const worker of this.#running.values()) await worker.dispose();
    this.#running.clear();
  }
}

/** @throws Error for a binding that the sandbox cannot give to a running Worker: it must not be left out unseen. */
function declared(binding: Props): DeclaredBinding {
  const type = binding["type"];
  const name = textAt(binding, "name") ?? "";
  if (type !== "plain_text" && type !== "secret_text")
    throw new Error(`the sandbox cannot run a Worker with the binding ${name} of type ${String(type)}`);
  return { type, name, text: textAt(binding, "text") ?? "" };
}
