import type { Check } from "../check";
import type { Deployment } from "../context";

/** Every check of a deployment, as data: which exist depends on nothing but its settings and records. */
export function checksOf(deployment: Deployment): readonly Check[] {
  return AREAS_OF_CHECKS.flatMap((area) => area(deployment));
}

/** One file per area, one line each. */
const AREAS_OF_CHECKS: readonly ((deployment: Deployment) => readonly Check[])[] = [];
