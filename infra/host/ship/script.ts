import { readFileSync } from "node:fs";
import { join } from "node:path";

import { quoted } from "../../formats/shell";
import type { Pack } from "./pack";

/** The command for every script. The script is its standard input: an error shows the command and never the input. */
export const RUN_SCRIPT = "bash -s";

/** How long a machine may take to join the tailnet: it gets its address within seconds. */
const JOIN_SECONDS = 90;

/** How long a new password for the repository may take: four calls of restic, or a repository that does not answer. */
const PASSWORD_SECONDS = 300;

export interface InstallOptions {
  /** The apps folder's name below the user's home. */
  readonly folder: string;
  /** The version that the compose file starts, `0.16.18`. */
  readonly stalwartVersion: string;
  /** Texts that no error may show, whatever a program on the host says; of a key each line. */
  readonly secrets: readonly string[];
}

/**
 * Installs the files and brings the containers to them. The text is secret, and the same for the same arguments. Its run ends
 * with 0, or with another status and three lines on stderr: fact, consequence, next command.
 */
export function installScript(files: Pack, { folder, stalwartVersion, secrets }: InstallOptions): string {
  const values = { apps_folder: folder, files_sha256: files.sha256, stalwart_version: stalwartVersion };
  return script(["files", "guard", "units", "install"], values, secrets) + files.archive.toString("base64") + "\n";
}

export interface DomainOptions {
  /** The apps folder's name below the user's home. */
  readonly folder: string;
  readonly domain: string;
  /** The stack that has the host, for what to do next. */
  readonly hostStack: string;
  /** Texts that no error may show. */
  readonly secrets: readonly string[];
}

/** Installs the files of a further domain and brings Stalwart to its plan. Errors as above. */
export function domainScript(files: Pack, { folder, domain, hostStack, secrets }: DomainOptions): string {
  const values = { apps_folder: folder, files_sha256: files.sha256, domain, host_stack: hostStack };
  return script(["files", "domain"], values, secrets) + files.archive.toString("base64") + "\n";
}

/**
 * The command that takes a further domain's files away, its keys among them. Stalwart keeps domain, account and mail: nothing
 * here destroys mail.
 */
export function leaveCommand(folder: string, paths: readonly string[]): string {
  const files = paths.map((path) => quoted(path)).join(" ");
  const leave =
    `cat >/dev/null; cd "$HOME/${folder}" 2>/dev/null || exit 0; ` +
    `exec 9>>mail-stack/lock && flock -w 300 9 && rm -f -- ${files}`;
  return `bash -c ${quoted(leave)}`;
}

/**
 * Prints the API key of the Worker with this number, and nothing else; mints it when there is none. Errors as above.
 *
 * @param workerAddress the address that the key is bound to: with another one the host is asked again
 */
export function keyScript(folder: string, keyNumber: number, workerAddress: string): string {
  return script(["key"], {
    apps_folder: folder,
    key_command: "key",
    key_number: String(keyNumber),
    worker_address: workerAddress,
  });
}

/** The same of the Worker's key for the service `arrivals`. */
export function arrivalsKeyScript(folder: string, keyNumber: number): string {
  return script(["key"], { apps_folder: folder, key_command: "arrivals-key", key_number: String(keyNumber) });
}

/** Withdraws the keys of the Worker with lower numbers. Errors as above. */
export function retireScript(folder: string, keyNumber: number): string {
  return script(["retire"], { apps_folder: folder, key_number: String(keyNumber) });
}

/**
 * Gives the backups' repository its new password and takes the former one away. Errors as above.
 *
 * @param filesSha256 of the files that were shipped before: with others it is looked at again
 */
export function backupPasswordScript(folder: string, filesSha256: string): string {
  const values = { apps_folder: folder, files_sha256: filesSha256, password_seconds: String(PASSWORD_SECONDS) };
  return script(["backup-password"], values);
}

/**
 * Prints the id that the host has in the tailnet, and nothing else; waits that long for it to join. Errors as above.
 *
 * @param filesSha256 of the files that were shipped before: with others the host is asked again
 */
export function tailnetScript(folder: string, filesSha256: string): string {
  const values = { apps_folder: folder, files_sha256: filesSha256, tailnet_seconds: String(JOIN_SECONDS) };
  return script(["tailnet"], values);
}

/**
 * The command that stops the containers and leaves everything else. It is no script on standard input, because the provider
 * hands the install script to it; it reads that to the end, or the connection would break off.
 */
export function stopCommand(folder: string): string {
  const stack = `"$HOME/${folder}/mail-stack"`;
  const stop =
    `cat >/dev/null; cd ${stack} 2>/dev/null || exit 0; ` +
    "exec 9>>lock && flock -w 300 9 && docker compose --profile tools stop";
  return `bash -c ${quoted(stop)}`;
}

/** Values, functions, and one last line that starts them: a script that is cut on its way does nothing. */
function script(parts: readonly string[], values: Record<string, string>, secrets: readonly string[] = []) {
  return [
    ...Object.entries(values).map(([key, value]) => `readonly ${key}=${quoted(value)}`),
    `secrets=(${secrets
      .filter((secret) => secret !== "")
      .map(quoted)
      .join(" ")})`,
    ...["common", ...parts].map(source),
    "main; exit",
    "",
  ].join("\n");
}

function source(name: string): string {
  return readFileSync(join(__dirname, `${name}.sh`), "utf8");
}
