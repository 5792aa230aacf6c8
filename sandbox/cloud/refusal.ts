/** The service said no: HTTP status, the service's own error code where it is known, and its text. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: number | undefined,
    text: string,
  ) {
    super(`${status} {"errors":[{"code":${code ?? "null"},"message":${JSON.stringify(text)}}]}`);
  }
}
