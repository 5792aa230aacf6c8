/** Why a command ends: what is so, what follows from it, what to run or look at next. None of the three holds a secret. */
export class Fault extends Error {
  constructor(
    readonly fact: string,
    readonly consequence: string,
    readonly next: string,
    options?: ErrorOptions,
  ) {
    super(`${fact}\n${consequence}\n${next}`, options);
    this.name = "Fault";
  }
}

/** There was no answer at all. */
export class Unreachable extends Fault {}

/** The short reason out of anything that was thrown; Node's network errors hide it in their cause. */
export function reasonOf(error: unknown): string {
  const { cause, code, message } = Object(error) as { cause?: unknown; code?: unknown; message?: unknown };
  if (cause !== undefined) return reasonOf(cause);
  return (
    ([code, message].find((text) => typeof text === "string" && text !== "") as string | undefined) ?? "unknown error"
  );
}
