import { Refusal } from "./refusal";

/** A machine of the tailnet, as the API lists it. */
export interface Machine {
  /** Stable. */
  readonly nodeId: string;
  /** The name that it gave itself. */
  readonly hostname: string;
  /** Unique in the tailnet. */
  readonly name: string;
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
}

/** What a key lets its bearer do. */
export interface AuthKey {
  readonly tags: readonly string[];
  readonly isReusable: boolean;
  used: boolean;
}

const MAGIC_DNS = "tail1234.ts.net";

/** The tailnet's control plane, as much as one host and its names need. */
export class Tailnet {
  /** The policy file; only who owns a tag counts here. */
  policy = { hujson: "", json: "{}" };
  /** By text of the key. */
  readonly keys = new Map<string, AuthKey>();
  /** Name servers by domain, also those that other people set. */
  readonly splitDns = new Map<string, readonly string[]>();
  readonly #machines: Machine[] = [];

  get machines(): readonly Machine[] {
    return this.#machines;
  }

  /** Replaces the policy file. @throws Refusal for one that is no JSON. */
  setPolicy(text: string): void {
    try {
      // Comments of the real format are none of the sandbox's business.
      this.policy = { hujson: text, json: JSON.stringify(JSON.parse(text)) };
    } catch {
      throw new Refusal(400, undefined, "policy file is not valid HuJSON");
    }
  }

  /** @throws Refusal for a tag that the policy gives to nobody. */
  refuseTags(tags: readonly string[]): void {
    const { tagOwners = {} } = JSON.parse(this.policy.json) as { tagOwners?: Record<string, unknown> };
    const bad = tags.find((tag) => !tag.startsWith("tag:") || !Object.hasOwn(tagOwners, tag));
    if (bad !== undefined) throw new Refusal(400, undefined, `requested tags [${bad}] are invalid or not permitted`);
  }

  /** A machine joins with a key. @throws Refusal in the control plane's words. */
  join(key: string, hostname: string): Machine {
    const known = this.keys.get(key);
    if (known === undefined || (known.used && !known.isReusable))
      throw new Refusal(401, undefined, "invalid key: API key does not exist or was used");
    known.used = true;
    const number = this.#machines.length + 1;
    const sameName = this.#machines.filter((machine) => machine.hostname === hostname).length;
    const machine = {
      nodeId: `n${number}SANDBOXCNTRL`,
      hostname,
      name: `${hostname}${sameName === 0 ? "" : `-${sameName}`}.${MAGIC_DNS}`,
      addresses: [`100.64.0.${number}`, `fd7a:115c:a1e0::${number}`],
      tags: known.tags,
    };
    this.#machines.push(machine);
    return machine;
  }

  /** Somebody removes it in the console. */
  remove(nodeId: string): void {
    const at = this.#machines.findIndex((machine) => machine.nodeId === nodeId);
    if (at >= 0) this.#machines.splice(at, 1);
  }
}
