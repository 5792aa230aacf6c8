import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../../sandbox/temporary";
import { toolPath } from "../../../tools/go-tool";
import { ImapClient } from "../cyrus/imap";
import { DOMAIN, end, freePorts, greets, USER } from "./judge";
import type { Judge } from "./judge";

/** Built from the module that tools/maddy pins, outside the checkout. */
export const MADDY = toolPath("maddy");
export const MADDY_INSTALL = "With Go: npm run tools -- maddy";

/** A throw-away maddy on loopback: LMTP and IMAP for one user. It has no Sieve. */
export async function startMaddy(): Promise<Judge> {
  const folder = temporaryFolder();
  const configuration = join(folder.path, "maddy.conf");
  const [lmtpPort = 0, imapPort = 0] = await freePorts(2);
  for (const name of ["state", "run"]) mkdirSync(join(folder.path, name));
  writeFileSync(configuration, configurationOf(folder.path, lmtpPort, imapPort));
  execFileSync(MADDY, ["--config", configuration, "imap-acct", "create", USER], { stdio: "ignore" });
  const child = spawn(MADDY, ["--config", configuration, "run"], { stdio: "ignore" });
  process.once("exit", () => child.kill());
  try {
    await greets(lmtpPort, child);
  } catch (error) {
    await close();
    throw error;
  }
  return { lmtpPort, read, close };

  async function read(name: string): Promise<readonly Buffer[]> {
    const client = await ImapClient.connect(imapPort);
    try {
      await client.login(USER, "any");
      const count = await client.select(name);
      const messages: Buffer[] = [];
      for (let number = 1; number <= count; number += 1) messages.push((await client.fetch(number)).raw);
      return messages;
    } finally {
      await client.close();
    }
  }

  async function close(): Promise<void> {
    await end(child);
    folder.remove();
  }
}

function configurationOf(folder: string, lmtpPort: number, imapPort: number): string {
  return `state_dir ${folder}/state
runtime_dir ${folder}/run
hostname ${DOMAIN}
tls off
log off

storage.imapsql local_mailboxes {
    driver sqlite3
    dsn imapsql.db
}

lmtp tcp://127.0.0.1:${lmtpPort} {
    destination ${DOMAIN} {
        deliver_to &local_mailboxes
    }
    default_destination {
        reject 550 5.1.2 "not here"
    }
}

imap tcp://127.0.0.1:${imapPort} {
    auth dummy
    storage &local_mailboxes
    insecure_auth yes
}
`;
}
