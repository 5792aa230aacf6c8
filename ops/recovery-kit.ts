import { parseArgs } from "node:util";

import { type ConfigKey, KEYS, PROJECT } from "../infra/settings/keys";
import type { Settings, SftpLogin } from "../infra/settings/settings";
import { StackFileError } from "../infra/settings/stack-file";
import { decrypt } from "./decrypt";
import { print, warn } from "./output";
import { settingsWithHost } from "./public-settings";

const USAGE = `Usage: npm run recovery-kit -- STACK [--with-secrets]

One page with what is needed when the host is gone, and where it is kept. Print it.
--with-secrets adds the secrets themselves, as Pulumi decrypts them: keep that page like them.

Exit codes: 0 done, 1 not done, 2 wrong usage.
`;

/** The page. `secrets`: texts by bare key, to be shown. Pure. */
export function renderKit(stack: string, settings: Settings, secrets: Readonly<Record<string, string>>): string {
  const { domain, host, backup } = settings;
  const target = backup?.target;
  const place =
    target === undefined
      ? "There are none: mail:backup is off. Set it, or this page is worth little."
      : target.kind === "s3"
        ? `s3://${target.bucket}/${target.prefix} in ${target.region}, as a restic repository`
        : `a restic repository${target.sftp ? " over SFTP" : ""}; its address is mail:backupRepository`;
  const sftp = target?.kind === "repository" ? target.sftp : undefined;
  const names = Object.entries<ConfigKey>(KEYS)
    .filter(([name, { secret, encrypted }]) => secret === true || (encrypted === true && isNeeded(name, settings)))
    .map(([name]) => name);
  return `Recovery kit of ${domain} (stack ${stack})

You need                             Where it is kept
1. This program                      its git repository, at the release that runs
2. ${`Pulumi.${stack}.yaml`.padEnd(33)} in your git repository; settings, with the secrets encrypted
3. Its passphrase                    write where: ______________________________
   (PULUMI_CONFIG_PASSPHRASE; without it none of the secrets below can be read)
4. Pulumi's state                    write where: ______________________________
5. A login to Cloudflare             write where: ______________________________
   account ${settings.accountId}
${target?.kind === "s3" ? "6. A login to AWS                    write where: ______________________________\n" : ""}
The backups: ${place}
The password of the backups (mail:backupPassword): write where: ________________
It must be kept twice, and once not on the host: nobody can read a backup without it.
After npm run rotate -- restic write the new one here: the old one opens nothing any more.
${sftp === undefined ? "" : sftpLines(sftp)}
The host: ${host.user}@${host.address} port ${host.port}, folder ~/${host.folder}
Its key: ${host.key}

When the host is gone:   npm run recover -- ${stack} host
When mail must be read:  npm run recover -- ${stack} read
Everything else:         npm run recover -- ${stack}
Without this program, on any machine with restic 0.17 or newer:
  restic -r ${target?.kind === "s3" ? `s3:https://s3.${target.region}.amazonaws.com/${target.bucket}/${target.prefix}` : `REPOSITORY${sftp === undefined ? "" : ` -o ${SFTP_ARGS}`}`} restore latest --include /export --target FOLDER
  FOLDER/export then has one .eml file for each message, in folders named like the mailboxes.

Secrets in Pulumi.${stack}.yaml: ${names.map((name) => `${PROJECT}:${name}`).join(", ")}
${Object.entries(secrets)
  .map(([name, text]) => `\n--- ${PROJECT}:${name}\n${text.trimEnd()}\n`)
  .join("")}`;
}

/** For a machine that is not the host. */
const SFTP_ARGS = "sftp.args='-i KEY-FILE -o UserKnownHostsFile=HOSTS-FILE -o HostKeyAlias=storage'";

function sftpLines({ hostKeys }: SftpLogin): string {
  return `
The SSH key of their storage (mail:backupSshPrivateKey) is in the stack file.
Another way in, should both be lost: write where: ______________________________
The storage's own keys, for HOSTS-FILE below:
${hostKeys.map((key) => `  storage ${key}\n`).join("")}`;
}

function isNeeded(name: string, { backup }: Settings): boolean {
  if (name === "backupPassword") return backup !== undefined;
  if (name === "backupPasswordPrevious") return backup?.previousPassword !== undefined;
  if (backup?.target.kind !== "repository") return false;
  return name !== "backupSshPrivateKey" || backup.target.sftp !== undefined;
}

function decrypted(stack: string): Record<string, string> {
  const secrets = decrypt(stack);
  if (typeof secrets !== "string") return secrets;
  throw new StackFileError(`${secrets} Nothing was shown.`);
}

function main(args: readonly string[]): number {
  let stack: string | undefined;
  let fault = "";
  let withSecrets = false;
  try {
    const parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { "with-secrets": { type: "boolean", default: false }, help: { type: "boolean", short: "h" } },
    });
    if (parsed.values.help === true) {
      print(USAGE);
      return 0;
    }
    if (parsed.positionals.length === 1) [stack] = parsed.positionals;
    else fault = `One stack name is needed, ${parsed.positionals.length} were given.`;
    withSecrets = parsed.values["with-secrets"];
  } catch (error) {
    fault = (error as Error).message;
  }
  if (stack === undefined) {
    warn(`${fault}\n\n${USAGE}`);
    return 2;
  }
  try {
    print(renderKit(stack, settingsWithHost(stack), withSecrets ? decrypted(stack) : {}));
    return 0;
  } catch (error) {
    if (!(error instanceof StackFileError)) throw error;
    warn(`${error.message}\n`);
    return 1;
  }
}

if (require.main === module) process.exitCode = main(process.argv.slice(2));
