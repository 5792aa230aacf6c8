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

/** The short reason out of anything that was thrown; Node's network errors hide it in their cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const { cause } = error;
  if (cause instanceof Error) return reasonOf(cause);
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.message;
}
