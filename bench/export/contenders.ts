import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PASSWORD } from "../../tests/judges/cyrus/server";

export const MBSYNC = "/usr/bin/mbsync";

export interface Contender {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What it has made, removed before a first run. */
  readonly made: string;
}

export interface Ports {
  readonly imapPort: number;
  readonly jmapPort: number;
}

/** One process for all accounts. The login of the first reaches the others too. */
export function ours(folder: string, program: string, { jmapPort }: Ports, accounts: readonly string[]): Contender {
  const made = join(folder, `export-${accounts.length}`);
  const [login = ""] = accounts;
  // The session itself, as on the host: mbsync is told host and port too, and looks for nothing.
  const url = `http://127.0.0.1:${jmapPort}/jmap/`;
  const chosen = accounts.flatMap((account) => ["--account", account]);
  const at = ["--url", url, "--user", login, "--password-file", passwordFile(folder)];
  return { name: "onhost export", program: process.execPath, args: [program, "export", made, ...at, ...chosen], made };
}

/** One process for all accounts as well. It makes what it wrote last (its default) unless `isDurable` is false. */
export function mbsync(
  folder: string,
  { imapPort }: Ports,
  accounts: readonly string[],
  isDurable: boolean,
): Contender {
  const name = isDurable ? "mbsync" : "mbsync without FSync";
  const made = join(folder, `${name.replaceAll(" ", "-")}-${accounts.length}`);
  // A far server has other ports and the same files.
  const configuration = `${made}-${imapPort}.rc`;
  const parts = accounts.map((account, index) => channel(account, `a${index}`, made, imapPort, passwordFile(folder)));
  writeFileSync(configuration, `${isDurable ? "" : "FSync no\n\n"}${parts.join("\n")}`);
  return { name, program: MBSYNC, args: ["-q", "-c", configuration, "-a"], made };
}

function passwordFile(folder: string): string {
  const file = join(folder, "password");
  writeFileSync(file, PASSWORD, { mode: 0o600 });
  return file;
}

/** The folder must be there: mbsync makes mailboxes and not what is above them. */
function channel(user: string, name: string, made: string, port: number, password: string): string {
  return `IMAPAccount ${name}
Host 127.0.0.1
Port ${port}
User ${user}
PassCmd "cat ${password}"
SSLType None
AuthMechs LOGIN PLAIN

IMAPStore far-${name}
Account ${name}

MaildirStore near-${name}
Path ${made}/${name}/
Inbox ${made}/${name}/INBOX
SubFolders Verbatim

Channel ${name}
Far :far-${name}:
Near :near-${name}:
Patterns * !user/*
Create Near
Remove Near
Expunge Near
Sync Pull
SyncState *
CopyArrivalDate yes
`;
}

/** Seconds of the whole command. Not synchronous, because the far server's distance is made in this process. */
export function seconds({ name, program, args }: Contender): Promise<number> {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve((performance.now() - begin) / 1_000);
      else reject(new Error(`${name} ends with ${String(code)}: ${stderr.slice(0, 500)}`));
    });
  });
}
