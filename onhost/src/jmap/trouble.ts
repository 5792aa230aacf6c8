/** Why a request did not do what it should. `kind` says what to do about it. */
export class Trouble extends Error {
  constructor(
    readonly fact: string,
    /** `passing`: again later. `refused`: the server means it. */
    readonly kind: "passing" | "refused",
    readonly details: {
      /** False when the server has certainly done nothing. */
      readonly mayHaveHappened?: boolean;
      readonly status?: number;
      /** Type of a JMAP method error, RFC 8620 section 3.6.2. */
      readonly type?: string;
      /** Names of the arguments that the server complains about. */
      readonly about?: readonly string[];
      readonly retryAfterMs?: number;
    } = {},
  ) {
    super(fact);
    this.name = "Trouble";
  }
}

export function isType(error: unknown, ...types: readonly string[]): boolean {
  return error instanceof Trouble && error.details.type !== undefined && types.includes(error.details.type);
}
