/** A fact about the account that stops the program; the text is for the operator. */
export class PreflightError extends Error {}
