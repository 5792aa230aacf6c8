import type { Wanted } from "./wanted";

/** A property in which what exists and what the program declares differ. */
export interface Difference {
  readonly property: string;
  readonly current: unknown;
  readonly wanted: unknown;
}

/** What exists and becomes one of the program's resources. */
export interface Adopted {
  readonly wanted: Wanted;
  readonly id: string;
  readonly importId: string;
  readonly label: string;
  /** Empty: it is as the program wants it. */
  readonly differences: readonly Difference[];
  /** Set when the next `up` cannot change it in place: why. */
  readonly replaced?: string;
}

/** What the next `up` creates. */
export interface Created {
  readonly wanted: Wanted;
  /** Why it is not adopted, when there may be one. */
  readonly why?: string;
}

/** What exists and is none of the program's business. */
export interface Left {
  readonly label: string;
  readonly id: string;
  /** Absent: it has nothing to do with the program. */
  readonly why?: string;
}

/** What exists and would make the next `up` fail, or its result wrong. */
export interface InTheWay {
  readonly label: string;
  readonly why: string;
  readonly mend: string;
}

/** Everything that adopt has to say. */
export interface Findings {
  readonly adopted: readonly Adopted[];
  readonly created: readonly Created[];
  readonly left: readonly Left[];
  readonly inTheWay: readonly InTheWay[];
}
