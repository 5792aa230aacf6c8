/**
 * A value that must not show up in logs, errors or JSON by accident. `reveal` is the only way to the text; components
 * wrap it in `pulumi.secret` where it enters a resource.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}
