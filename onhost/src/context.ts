import { FILES, parseDeployment, type Deployment } from "./deployment";
import { Fault } from "./fault";
import { basic, type Http } from "./http";
import { registryOf, type Registry } from "./registry";
import { readIfThere } from "./store";

export interface Output {
  readonly write: (text: string) => unknown;
}

/** The surroundings of a command: what compose or the sandbox sets. */
export interface Context {
  /** Path of one of `FILES`. */
  readonly file: (name: string) => string;
  readonly url: string;
  readonly http: Http;
  readonly out: Output;
  readonly err: Output;
  /** Connecting to Stalwart's ports makes no sense where they are mapped to others. */
  readonly looksAtPorts: boolean;
}

/** Throws a `Fault` when its file is not there or not what infra wrote. */
export function deployment(context: Context): Deployment {
  return parseDeployment(required(context, FILES.deployment));
}

/** Stalwart's settings, as its recovery administrator. Throws a `Fault` without that login. */
export function registry(context: Context): Registry {
  return registryOf(context.http, recoveryAdmin(context));
}

/** The value of an Authorization header. Throws a `Fault` when the host has not made that login. */
export function recoveryAdmin(context: Context): string {
  const line = required(context, FILES.recoveryAdmin).trim();
  const [, login, password] = /^STALWART_RECOVERY_ADMIN=([^:]+):(.+)$/.exec(line) ?? [];
  if (login === undefined || password === undefined)
    throw new Fault(
      `${FILES.recoveryAdmin} does not name the recovery administrator.`,
      "Stalwart cannot be asked anything.",
      "Delete the file and run pulumi up again: the host makes a new one.",
    );
  return basic(login, password);
}

/** The text of a shipped file. Throws a `Fault` when it is not there. */
export function required({ file }: Context, name: string): string {
  const text = readIfThere(file(name));
  if (text !== undefined) return text;
  throw new Fault(
    `${name} is not there.`,
    "Nothing was read or changed.",
    "Run pulumi up again: it installs the files.",
  );
}
