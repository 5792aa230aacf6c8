import type { Lab } from "./lab";

/** Makes whole again what {@link Lab.heal} does not. */
export type Undo = () => unknown;

/** Breaks it; what it answers, now or later, is an {@link Undo} or nothing. */
export type Apply = (lab: Lab) => unknown;

/** One broken thing and the only check that says so. */
export interface Break {
  /** The check's id. */
  readonly id: string;
  readonly what: string;
  readonly status: "error" | "warning";
  /** In what the check saw. */
  readonly current: RegExp;
  readonly remedy: RegExp;
  readonly apply: Apply;
  /** When the doctor looks, in milliseconds from now. */
  readonly laterMs?: number;
}
