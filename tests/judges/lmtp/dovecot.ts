import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { temporaryFolder } from "../../../sandbox/temporary";
import { end, freePorts, greets, ownGroup, USER } from "./judge";
import type { Judge } from "./judge";

export const DOVECOT = "/usr/sbin/dovecot";
export const DOVECOT_LMTP = "/usr/lib/dovecot/lmtp";
/** Debian lets dovecot-imapd and cyrus-imapd not be installed at once, so mail is read from the Maildir. */
export const DOVECOT_INSTALL = "Run: apt-get install --no-install-recommends dovecot-lmtpd dovecot-sieve";

/** A throw-away Dovecot 2.3 on loopback: LMTP with Pigeonhole Sieve into a Maildir. */
export async function startDovecot(script: string): Promise<Judge> {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const [lmtpPort = 0] = await freePorts(1);
  for (const name of ["run", "mail", "home"]) mkdirSync(at(name));
  writeFileSync(at("users"), `${USER}:::::::\n`);
  writeFileSync(at("judge.sieve"), script);
  writeFileSync(at("dovecot.conf"), configuration(folder.path, lmtpPort));
  if (userInfo().uid === 0) execFileSync("chown", ["-R", "mail:mail", at("mail"), at("home"), at("judge.sieve")]);
  // Its other users look into it.
  execFileSync("chmod", ["755", folder.path]);
  const child = spawn(DOVECOT, ["-F", "-c", at("dovecot.conf")], { stdio: "ignore" });
  process.once("exit", () => child.kill());
  try {
    await greets(lmtpPort, child);
  } catch (error) {
    await close();
    throw error;
  }
  return { lmtpPort, read, close };

  function read(name: string): Promise<readonly Buffer[]> {
    const maildir = join(at("mail"), USER, name === "INBOX" ? "" : `.${name}`);
    const files = ["new", "cur"].flatMap((part) => {
      const path = join(maildir, part);
      return existsSync(path) ? readdirSync(path).map((file) => join(path, file)) : [];
    });
    return Promise.resolve(files.map((file) => readFileSync(file)));
  }

  async function close(): Promise<void> {
    await end(child);
    folder.remove();
  }
}

/** `mail_save_crlf`: otherwise CRLF becomes LF on the disk. */
function configuration(folder: string, port: number): string {
  const { uid, username } = userInfo();
  const isRoot = uid === 0;
  const [user, group] = isRoot ? ["mail", "mail"] : [username, ownGroup()];
  const unprivileged = `default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`;
  return `base_dir = ${folder}/run
state_dir = ${folder}/run/state
log_path = ${folder}/log
instance_name = judge
protocols = lmtp
listen = 127.0.0.1
ssl = no
${isRoot ? "" : unprivileged}first_valid_uid = 1
mail_uid = ${user}
mail_gid = ${group}
mail_location = maildir:${folder}/mail/%u
mail_home = ${folder}/home/%u
mail_save_crlf = yes
postmaster_address = postmaster@example.org
recipient_delimiter = +
lda_mailbox_autocreate = yes
passdb {
  driver = static
  args = password=pw
}
userdb {
  driver = passwd-file
  args = username_format=%u ${folder}/users
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
  }
}
protocol lmtp {
  mail_plugins = sieve
}
plugin {
  sieve = file:${folder}/judge.sieve
}
`;
}
