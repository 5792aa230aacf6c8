import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import type { MailRecord } from "../infra/dns/record";
import { furtherRecords, mailRecords } from "../infra/dns/records";
import { renderRecord, renderZone, type ZoneFileOptions } from "../infra/dns/zone-file";
import { PROJECT } from "../infra/settings/keys";
import type { DomainSettings, FurtherSettings, Settings } from "../infra/settings/settings";
import { StackFileError } from "../infra/settings/stack-file";
import { print, warn } from "./output";
import { publicDomainSettings } from "./public-settings";

const USAGE = `Usage: npm run zone -- STACK [--as-served] [--tunnel ID]

Prints the DNS zone of a stack in BIND syntax, without any account. Other zones' records follow as comments.

  --as-served   proxied names with the edge's addresses (documentation addresses stand for them), as resolvers see them
  --tunnel ID   the HTTP tunnel's id for the targets of proxied names; "tunnel-id" when left out
  --help        this text

Exit codes: 0 printed, 1 the stack file cannot be used, 2 wrong arguments.
`;

export type Secrets = Readonly<Record<string, string>>;
const DKIM_KEYS = ["dkimRsaPrivateKey", "dkimEd25519PrivateKey"];

/** The zone file; with `withheld`, the DKIM records, whose keys then are stand-ins, as comments without a value. */
export function zoneText(settings: Settings | FurtherSettings, options: ZoneFileOptions, withheld: boolean): string {
  const { domain } = settings;
  const all = "hostStack" in settings ? furtherRecords(settings) : mailRecords(settings);
  const hidden = withheld ? all.filter((record) => isOwnKey(record, settings)) : [];
  const foreign = all.filter(({ zone }) => zone !== domain);
  return [
    renderZone(
      domain,
      all.filter((record) => !hidden.includes(record)),
      options,
    ),
    ...hidden.map(
      ({ name, ttl, why }) => `\n; ${why}\n; ${name}. ${ttl} IN TXT (value withheld: the key is encrypted)\n`,
    ),
    ...foreign.map((record) => `\n; In the zone ${record.zone}:\n; ${renderRecord(record, options).join("\n; ")}\n`),
  ].join("");
}

function isOwnKey({ name }: MailRecord, { domain, dkim }: DomainSettings): boolean {
  return [dkim.rsa, dkim.ed25519].some(({ selector }) => name === `${selector}._domainkey.${domain}`);
}

function main(argv: readonly string[]): number {
  const args = argumentsOf(argv);
  if (typeof args === "string") {
    warn(`${args}\n\n${USAGE}`);
    return 2;
  }
  if (args.help) {
    print(USAGE);
    return 0;
  }
  try {
    const decrypted = decrypt(args.stack);
    const secrets = typeof decrypted === "string" ? {} : decrypted;
    const settings = publicDomainSettings(args.stack, secrets);
    const withheld = DKIM_KEYS.some((key) => secrets[key] === undefined);
    print(zoneText(settings, args.options, withheld));
    if (withheld) {
      const reason = typeof decrypted === "string" ? decrypted : `${DKIM_KEYS.join(" or ")} is not set as a secret.`;
      warn(`${reason} The DKIM records are printed as comments, without their values.\n${MEND}\n`);
    }
    if (settings.resend.records.length === 0) {
      warn(
        `${PROJECT}:resendRecords is empty. The zone lacks Resend's return path and DKIM, so relayed mail would fail. ` +
          "Write the records[] of GET https://api.resend.com/domains/ID into the stack file.\n",
      );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof StackFileError)) throw error;
    warn(`${error.message}\n`);
    return 1;
  }
}

const MEND =
  "Install pulumi, set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, and run the command again.";

/** The arguments, or what is wrong with them. */
function argumentsOf(argv: readonly string[]): string | { help: boolean; stack: string; options: ZoneFileOptions } {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { help: { type: "boolean" }, "as-served": { type: "boolean" }, tunnel: { type: "string" } },
    });
    const { help = false, tunnel } = values;
    const [stack, ...rest] = positionals;
    if (!help && (stack === undefined || rest.length > 0)) {
      return `One stack name is needed, ${positionals.length} were given.`;
    }
    if (tunnel !== undefined && !/^[a-z0-9-]{1,63}$/.test(tunnel)) {
      return "The tunnel's id is not one DNS label. It becomes the name ID.cfargotunnel.com. Copy it from `pulumi stack output`.";
    }
    const options: ZoneFileOptions = {
      proxied: values["as-served"] === true ? "as-served" : "as-declared",
      ...(tunnel === undefined ? {} : { tunnelId: tunnel }),
    };
    return { help, stack: stack ?? "", options };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The stack's secrets in plain text, or why they cannot be had. */
export function decrypt(stack: string): Secrets | string {
  const { PULUMI_CONFIG_PASSPHRASE: phrase, PULUMI_CONFIG_PASSPHRASE_FILE: file } = process.env;
  if (phrase === undefined && file === undefined) return "No passphrase for the stack's secrets is set.";
  const args = ["config", "--stack", stack, "--show-secrets", "--json", "--non-interactive"];
  const run = spawnSync("pulumi", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (run.error) return `pulumi does not start (${run.error.message}).`;
  if (run.status !== 0) return `pulumi could not decrypt the stack's secrets: ${run.stderr.trim()}`;
  const config = JSON.parse(run.stdout) as Record<string, { value?: string; secret: boolean }>;
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, { value, secret }]) =>
      secret && value !== undefined && key.startsWith(`${PROJECT}:`) ? [[key.slice(PROJECT.length + 1), value]] : [],
    ),
  );
}

if (require.main === module) process.exitCode = main(process.argv.slice(2));
