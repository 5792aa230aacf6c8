import { ALLOWED } from "./allowed";
import type { Checked } from "./fault";
import { type ConfigKey, KEYS, type KeyName } from "./keys";
import { missing, type Problem, problemOf, storedInTheClear, unknownKey } from "./problem";
import type { RawConfig } from "./raw";
import { Secret } from "./secret";
import { isKeyName, nearestKey } from "./spelling";

/** Every key's value in force, defaults and derived ones included; secrets read `[secret]`. */
export type EffectiveValues = Readonly<Partial<Record<KeyName, unknown>>>;

/** Sorts problems as the key table does; problems of unknown keys come last. */
export function inKeyOrder(problems: readonly Problem[]): readonly Problem[] {
  const order = Object.keys(KEYS);
  const place = ({ key }: Problem): number => {
    const index = order.indexOf(key.replace(/^[^:]*:/, "").replace(/\[.*$/, ""));
    return index === -1 ? order.length : index;
  };
  return problems.toSorted((a, b) => place(a) - place(b));
}

/** Takes keys out of the raw values one by one and collects what is wrong with them. */
export class Reader {
  readonly #problems: Problem[] = [];
  readonly #locked: KeyName[] = [];

  constructor(private readonly raw: RawConfig) {
    for (const name of [...raw.keys()].filter((key) => !isKeyName(key)).sort()) {
      this.#problems.push(unknownKey(name, nearestKey(name)));
    }
  }

  take<T>(name: KeyName, parse: (text: string) => Checked<T>): T | undefined {
    const key: ConfigKey = KEYS[name];
    const { text, secret } = this.raw.get(name) ?? {
      text: defaultText(key),
      secret: key.secret === true || key.encrypted === true,
    };
    if (text === undefined) {
      this.#locked.push(name);
      return undefined;
    }
    if (text.trim() === "" && key.default === undefined) {
      this.#problems.push(missing(name, ALLOWED[name]));
      return undefined;
    }
    const mustBeEncrypted = key.secret === true || (key.encrypted === true && text.trim() !== "");
    if (mustBeEncrypted && !secret) {
      this.#problems.push(storedInTheClear(name, ALLOWED[name]));
      return undefined;
    }
    const checked = parse(text);
    if (checked.ok) return checked.value;
    this.#problems.push(...checked.faults.map((fault) => problemOf(name, ALLOWED[name], fault, { text, secret })));
    return undefined;
  }

  /** Whether somebody has chosen a value: one that is not the default, which Pulumi fills in. */
  isSet(name: KeyName): boolean {
    const { text } = this.raw.get(name) ?? { text: "" };
    return text === undefined || (text.trim() !== "" && text !== defaultText(KEYS[name]));
  }

  add(problem: Problem): void {
    this.#problems.push(problem);
  }

  problems(): readonly Problem[] {
    return inKeyOrder(this.#problems);
  }

  locked(): readonly KeyName[] {
    return Object.keys(KEYS)
      .filter(isKeyName)
      .filter((name) => this.#locked.includes(name));
  }
}

/** A default as Pulumi would hand it over; nothing for a required key. */
function defaultText({ default: value }: ConfigKey): string {
  if (value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The default aliases give way to a primary address that is one of them; a list that was written does not. */
export function aliasText(text: string, primary: string | undefined, domain: string | undefined): string {
  if (text !== JSON.stringify(KEYS.aliases.default)) return text;
  return JSON.stringify(KEYS.aliases.default.filter((alias) => `${alias}@${domain ?? ""}` !== primary));
}

export type Complete<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

export function isComplete<T extends object>(values: T): values is T & Complete<T> {
  return Object.values(values).every((value) => value !== undefined);
}

/** What a person may see of the values. */
export function shown(values: EffectiveValues): EffectiveValues {
  const show = (name: KeyName): unknown => {
    const value = values[name];
    // A key that may be secret is only when it has a value.
    if (value instanceof Secret && !isSecret(name)) return value.reveal() === "" ? "" : "[secret]";
    return isSecret(name) || value === undefined ? "[secret]" : value;
  };
  const hidden = Object.fromEntries(
    Object.keys(values)
      .filter(isKeyName)
      .map((name) => [name, show(name)]),
  );
  return { ...values, ...hidden };
}

function isSecret(name: KeyName): boolean {
  const key: ConfigKey = KEYS[name];
  return key.secret === true;
}
