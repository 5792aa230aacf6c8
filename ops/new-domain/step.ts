/** One thing that was done, was there already, or with `--dry-run` would be done. */
export interface Step {
  readonly what: string;
  readonly state: "found" | "made" | "would be made";
  readonly detail: string;
}
