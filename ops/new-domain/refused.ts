/** A fact that stops the command, in words for the operator. */
export class NewDomainError extends Error {
  override readonly name = "NewDomainError";
}
