import { readFileSync } from "node:fs";
import { join } from "node:path";

import { quoted } from "../../infra/formats/shell";

/** The functions of host.sh that others call. */
export type HostFunction =
  | "status"
  | "guard"
  | "begin"
  | "save"
  | "give_up"
  | "is_installed"
  | "try_out"
  | "open"
  | "finish"
  | "turn_back"
  | "collect"
  | "leave_new_mail"
  | "bring_back"
  | "import_new_mail"
  | "open_again"
  | "forget";

/**
 * One function of host.sh as a command for the host's login shell, whichever that is.
 *
 * @param folder the apps folder's name below the user's home
 * @param wanted `0.16.19`
 */
export function hostCommand(name: HostFunction, folder: string, wanted: string): string {
  return `bash -c ${quoted(hostScript(name, folder, wanted))}`;
}

/** What bash gets from that. */
export function hostScript(name: HostFunction, folder: string, wanted: string): string {
  const script = readFileSync(join(__dirname, "host.sh"), "utf8");
  return `apps_folder=${quoted(folder)} wanted=${quoted(wanted)}\n${script}${name}\n`;
}
