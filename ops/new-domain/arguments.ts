import { parseArgs } from "node:util";
import { parseDomain } from "../../infra/settings/domain";
import { REGIONS, type Region } from "./resend";

export const USAGE = `Usage: npm run new-domain -- DOMAIN [--host STACK] [options]

Prepares a stack for a mail domain: zone, Resend domain, stack file, DKIM keys.
Stops before "pulumi up". What is there already is taken up and never
overwritten, so the command can be repeated after any failure.

  --host STACK     a further domain on the host of that stack; without it the
                   stack gets a host of its own
  --stack NAME     name of the new stack (example-org for example.org)
  --address ADDR   the domain's primary address (root@DOMAIN)
  --region REGION  where Resend sends from: ${REGIONS.slice(0, 2).join(", ")},
                   ${REGIONS.slice(2).join(", ")} (the host's, or ${REGIONS[0]})
  --verify         have Resend look for its records; after "pulumi up"
  --dry-run        ask and show, change nothing anywhere
  --json           prints JSON
  --help           this text

CLOUDFLARE_API_TOKEN is the token of docs/start.md, RESEND_API_KEY a key with
full access; both are read from the environment and stored nowhere.

Exit codes: 0 done, 1 not done, 2 wrong usage.
`;

export interface Asked {
  readonly domain: string;
  readonly stack: string;
  readonly host: string | undefined;
  readonly address: string | undefined;
  readonly region: Region | undefined;
  readonly verify: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

const STACK_NAME = /^[A-Za-z0-9_.-]{1,100}$/;

/** What is asked for, `help`, or what is wrong with it. */
export function argumentsOf(args: readonly string[]): Asked | "help" | { readonly fault: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        host: { type: "string" },
        stack: { type: "string" },
        address: { type: "string" },
        region: { type: "string" },
        verify: { type: "boolean", default: false },
        "dry-run": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return "help";
    const [domain, ...more] = positionals;
    if (domain === undefined) return { fault: "A domain is needed." };
    if (more.length > 0) return { fault: "There are too many arguments." };
    const checked = parseDomain(domain);
    if (!checked.ok)
      return {
        fault: `${JSON.stringify(domain)} ${checked.faults[0]?.rule ?? "is no domain"}. Allowed: a name like example.org.`,
      };
    const { host, region, stack = checked.value.replaceAll(".", "-") } = values;
    for (const name of [stack, ...(host === undefined ? [] : [host])])
      if (!STACK_NAME.test(name))
        return {
          fault: `${JSON.stringify(name)} is no stack name. Allowed are letters, digits and . _ - (at most 100).`,
        };
    if (stack === host) return { fault: `${stack} is the host's stack; the domain needs one of its own: --stack NAME` };
    if (region !== undefined && !isRegion(region))
      return { fault: `--region ${JSON.stringify(region)} is unknown. Allowed: ${REGIONS.join(", ")}.` };
    const { address, verify, json, "dry-run": dryRun } = values;
    return { domain: checked.value, stack, host, address, region, verify, dryRun, json };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

function isRegion(text: string): text is Region {
  return REGIONS.some((region) => region === text);
}
