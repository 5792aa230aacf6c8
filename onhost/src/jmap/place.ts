import { parseArgs, type ParseArgsConfig } from "node:util";
import { Fault } from "../fault";
import { readIfThere } from "../store";

/** Options that say which server and which login; without them it is the deployment's Stalwart. */
export const PLACE_OPTIONS = {
  url: { type: "string" },
  user: { type: "string" },
  "password-file": { type: "string" },
  "token-file": { type: "string" },
} as const satisfies ParseArgsConfig["options"];

interface PlaceValues {
  readonly url?: string | undefined;
  readonly user?: string | undefined;
  readonly "password-file"?: string | undefined;
  readonly "token-file"?: string | undefined;
}

/** The login at another server than the deployment's; undefined without `--url`. Throws a `Fault`. */
export function otherPlace(values: PlaceValues): { readonly url: string; readonly authorization: string } | undefined {
  const { url, user, "password-file": passwordFile, "token-file": tokenFile } = values;
  if (url === undefined) return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw wrong("--url is no http or https URL.");
  // It would be in the list of processes.
  if (new URL(url).password !== "") throw wrong("--url holds a password.");
  if (tokenFile !== undefined) return { url, authorization: `Bearer ${secretIn(tokenFile)}` };
  if (user === undefined || passwordFile === undefined) throw wrong("--url needs a login.");
  const login = Buffer.from(`${user}:${secretIn(passwordFile)}`).toString("base64");
  return { url, authorization: `Basic ${login}` };
}

/** Undefined for options that are not known; whoever asks prints the usage then. */
export function parsedArguments<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> | undefined {
  try {
    return parseArgs(config);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") === true) return undefined;
    throw error;
  }
}

function secretIn(file: string): string {
  const secret = readIfThere(file)?.replace(/\r?\n$/, "");
  if (secret === undefined || secret === "") throw wrong(`${file} is not there or empty.`);
  return secret;
}

function wrong(fact: string): Fault {
  return new Fault(
    fact,
    "Nothing was read or changed.",
    "Give --url https://SERVER --user LOGIN --password-file FILE, or --url and --token-file FILE.",
  );
}
