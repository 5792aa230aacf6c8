import { tagsOf } from "./tags";

/** One day: below it a sender forgets the policy before it is of use (RFC 8461 section 3.2 speaks of weeks). */
const LEAST_AGE_SECONDS = 86_400;
/** RFC 8461 section 3.2. */
const MOST_AGE_SECONDS = 31_557_600;

/** RFC 8461 section 3.1. */
export function announcementFaults(text: string): readonly string[] {
  if (!/^v=STSv1\s*;/.test(text)) return ["it does not begin with v=STSv1;"];
  const id = tagsOf(text)?.get("id");
  return id !== undefined && /^[A-Za-z0-9]{1,32}$/.test(id) ? [] : ["its id is not 1 to 32 letters and digits"];
}

export interface Policy {
  readonly mode: string;
  /** Seconds. */
  readonly maxAge: number;
  readonly mx: readonly string[];
}

/** The policy of a file, or what is wrong with it (RFC 8461 section 3.2). */
export function readPolicy(file: string): Policy | string {
  const lines = file.split(/\r?\n/).filter((line) => line.trim() !== "");
  const fields = lines.map((line) => /^([a-z_]+):\s*(.*?)\s*$/.exec(line));
  const valuesOf = (name: string) => fields.flatMap((field) => (field?.[1] === name ? [field[2] ?? ""] : []));
  if (valuesOf("version")[0] !== "STSv1") return "it has no line version: STSv1";
  const [mode = ""] = valuesOf("mode");
  if (!/^(enforce|testing|none)$/.test(mode)) return `its mode is ${mode === "" ? "missing" : mode}`;
  const maxAge = Number(valuesOf("max_age")[0] ?? Number.NaN);
  if (!Number.isInteger(maxAge) || maxAge < LEAST_AGE_SECONDS || maxAge > MOST_AGE_SECONDS)
    return `its max_age is ${valuesOf("max_age")[0] ?? "missing"}, not ${LEAST_AGE_SECONDS} to ${MOST_AGE_SECONDS} seconds`;
  return { mode, maxAge, mx: valuesOf("mx").map((name) => name.toLowerCase()) };
}

/** `*.` stands for exactly one label (RFC 8461 section 4.1). */
export function covers({ mx }: Policy, hostname: string): boolean {
  return mx.some((pattern) =>
    pattern.startsWith("*.")
      ? hostname.slice(hostname.indexOf(".") + 1) === pattern.slice(2) && hostname.includes(".")
      : pattern === hostname,
  );
}
