/** A fact that stops the command, in words for the operator. */
export class AdoptError extends Error {
  override readonly name = "AdoptError";
}
