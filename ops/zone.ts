import { parseArgs } from "node:util";
import type { MailRecord } from "../infra/dns/record";
import { furtherRecords, mailRecords } from "../infra/dns/records";
import { renderRecord, renderZone, type ZoneFileOptions } from "../infra/dns/zone-file";
import { PROJECT } from "../infra/settings/keys";
import type { DomainSettings, FurtherSettings, Settings } from "../infra/settings/settings";
import { StackFileError } from "../infra/settings/stack-file";
import { decrypt, hasPassphrase } from "./decrypt";
import { print, warn } from "./output";
import { publicDomainSettings } from "./public-settings";

const USAGE = `Usage: npm run zone -- STACK [--as-served] [--tunnel ID]

Prints the DNS zone of a stack in BIND syntax, without any account. Other zones' records follow as comments.
The DKIM records need the passphrase (PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE) and pulumi; without a
passphrase they are comments without a value.

  --as-served   proxied names with the edge's addresses (documentation addresses stand for them), as resolvers see them
  --tunnel ID   the HTTP tunnel's id for the targets of proxied names; "tunnel-id" when left out
  --help        this text

Exit codes: 0 printed, 1 the stack file cannot be used or the passphrase that is set does not decrypt it, 2 wrong
arguments.
`;

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
    const decrypted = hasPassphrase() ? decrypt(args.stack) : "No passphrase for the stack's secrets is set.";
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
    return hasPassphrase() && typeof decrypted === "string" ? 1 : 0;
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

if (require.main === module) process.exitCode = main(process.argv.slice(2));
