import { readFileSync } from "node:fs";
import type { DomainSettings } from "../../infra/settings/settings";
import { type Login, ReportsError } from "./mailbox";

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * Who asks which server: the settings' primary account at the server's public name, unless the environment says otherwise.
 *
 * @throws ReportsError
 */
export function loginOf({ hostnames, primaryAddress }: DomainSettings, environment: NodeJS.ProcessEnv): Login {
  const url = environment["MAIL_JMAP_URL"]?.trim() || `https://${hostnames.server}`;
  const server = URL.canParse(url) ? new URL(url) : undefined;
  if (server?.protocol !== "https:" && !(server?.protocol === "http:" && LOOPBACK.has(server.hostname)))
    throw new ReportsError(
      "MAIL_JMAP_URL is no https URL, and a password goes over nothing else. No report was read. " +
        `Leave it out to ask https://${hostnames.server}`,
    );
  return { server, user: environment["MAIL_USER"]?.trim() || primaryAddress, password: passwordOf(environment) };
}

function passwordOf(environment: NodeJS.ProcessEnv): string {
  const file = environment["MAIL_PASSWORD_FILE"] ?? "";
  const password = environment["MAIL_PASSWORD"] || (file === "" ? "" : contentOf(file));
  if (password !== "") return password;
  throw new ReportsError(
    "MAIL_PASSWORD is not set. No report was read. Type it without showing it: " +
      "read -rs MAIL_PASSWORD && export MAIL_PASSWORD",
  );
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch {
    throw new ReportsError(
      `MAIL_PASSWORD_FILE names ${file}, which cannot be read. No report was read. Check the name.`,
    );
  }
}
