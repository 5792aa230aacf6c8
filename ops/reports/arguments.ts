import { parseArgs } from "node:util";

export const USAGE = `Usage: npm run reports -- STACK [--since WHEN] [--json | --html FILE]

Reads the DMARC and TLS reports that mail providers sent, out of the mailbox
where they arrive: who sends as you, what passes, what to do. Changes nothing.

  --since WHEN  a day (2026-11-01) or a number of days back (30d, the default)
  --json        everything that was counted, as JSON
  --html FILE   a page of its own for a browser, written to FILE
  --help        this text

The password is that of MAIL_PASSWORD or of the file named by
MAIL_PASSWORD_FILE: an app password of the stack's primary account is enough.
MAIL_USER names another account, MAIL_JMAP_URL another way to the server.

Exit codes: 0 done, 1 not done, 2 wrong usage.
`;

const MS_PER_DAY = 86_400_000;
const DEFAULT_SINCE = "30d";
const MAX_DAYS = 3_660;

export interface Asked {
  readonly stack: string;
  readonly since: Date;
  readonly json: boolean;
  readonly html: string | undefined;
}

/** What is asked for, `help`, or what is wrong with it. */
export function argumentsOf(args: readonly string[], now: Date): Asked | "help" | { readonly fault: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        since: { type: "string", default: DEFAULT_SINCE },
        json: { type: "boolean", default: false },
        html: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return "help";
    const [stack, ...more] = positionals;
    if (stack === undefined) return { fault: "A stack is needed." };
    if (more.length > 0) return { fault: "There are too many arguments." };
    if (values.json && values.html !== undefined) return { fault: "--json and --html exclude each other." };
    if (values.html === "") return { fault: "--html needs a file." };
    const since = sinceOf(values.since, now);
    if (since === undefined)
      return {
        fault: `--since ${JSON.stringify(values.since)} is no day. Allowed: 2026-11-01, 30d (up to ${MAX_DAYS}d).`,
      };
    return { stack, since, json: values.json, html: values.html };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}

function sinceOf(text: string, now: Date): Date | undefined {
  const days = /^(\d{1,4})d$/.exec(text)?.[1];
  if (days !== undefined)
    return Number(days) > MAX_DAYS ? undefined : new Date(now.getTime() - Number(days) * MS_PER_DAY);
  const date = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  const isReal = date !== undefined && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
  return isReal && date <= now ? date : undefined;
}
