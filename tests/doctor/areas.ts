import type { Area } from "../../ops/doctor/check";

/** Those that need nothing but the internet. */
export const PUBLIC_AREAS: ReadonlySet<Area> = new Set(["delegation", "records", "policy", "web", "exchange"]);
