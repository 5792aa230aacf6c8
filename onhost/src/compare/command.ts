import { reachableAccounts } from "../export/accounts";
import { unreadable, type TransferContext } from "../export/command";
import { readManifest, type AccountEntry } from "../export/manifest";
import { Fault } from "../fault";
import { connectTo, type Client } from "../jmap/client";
import { otherPlace, parsedArguments, PLACE_OPTIONS } from "../jmap/place";
import { Trouble } from "../jmap/trouble";
import { plainly } from "../plainly";
import { compareAccount, type AccountComparison } from "./account";

export const COMPARE_USAGE = `onhost compare [FOLDER] [--json]   reads all mail from the server and compares it with an export; 6: it differs
`;

const EXIT = { done: 0, usage: 2, differs: 6 } as const;
const SHOWN = 20;
/** A server that has just started on restored data answers at once or is broken. */
const PATIENCE = { firstPauseMs: 200, longestPauseMs: 2_000, totalMs: 20_000 };

/**
 * Whether a server holds what an export says, message by message. Unlike the next export it believes no state of the last
 * one: every message is read.
 */
export async function compareCommand(args: readonly string[], context: TransferContext): Promise<number> {
  const parsed = parsedArguments({
    args: [...args],
    allowPositionals: true,
    options: { ...PLACE_OPTIONS, json: { type: "boolean" } },
  });
  if (parsed === undefined || parsed.positionals.length > 1) {
    context.err.write(COMPARE_USAGE);
    return EXIT.usage;
  }
  const root = parsed.positionals[0] ?? context.folder;
  const manifest = readManifest(root);
  if (manifest === undefined)
    throw new Fault(
      `There is no export in ${root}.`,
      "Nothing was compared.",
      "Name its folder: onhost compare FOLDER",
    );
  const place = otherPlace(parsed.values) ?? context.stalwart();
  try {
    const client = await connectTo({ ...place, patience: PATIENCE });
    try {
      const reached = new Set((await reachableAccounts(client)).map(({ id }) => id));
      const report: AccountComparison[] = [];
      for (const entry of manifest.accounts)
        report.push(
          reached.has(entry.id) ? await compared(client, root, entry) : missingAccount(entry.name, entry.messages),
        );
      return tell(report, parsed.values.json === true, context);
    } finally {
      client.close();
    }
  } catch (error) {
    throw error instanceof Trouble ? unreadable(place.url, error) : error;
  }
}

/** Damaged lists in one account do not stop the comparison of the others. */
async function compared(client: Client, root: string, entry: AccountEntry): Promise<AccountComparison> {
  try {
    return await compareAccount(client, root, entry);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const differences = [{ account: entry.name, what: "account", why: `cannot be compared: ${error.fact}` }];
    return { account: entry.name, listed: entry.messages, same: 0, deleted: 0, newer: 0, differences };
  }
}

function missingAccount(account: string, listed: number): AccountComparison {
  const differences = [{ account, what: "account", why: "is not on the server" }];
  return { account, listed, same: 0, deleted: 0, newer: 0, differences };
}

function tell(report: readonly AccountComparison[], isJson: boolean, context: TransferContext): number {
  const [out, err] = [plainly(context.out), plainly(context.err)];
  const sum = (of: (one: AccountComparison) => number) => report.reduce((total, one) => total + of(one), 0);
  const differences = report.flatMap((one) => one.differences);
  for (const { account, what, why } of differences.slice(0, SHOWN)) err.write(`${account}: ${what} ${why}\n`);
  if (isJson) out.write(`${JSON.stringify({ accounts: report })}\n`);
  else
    out.write(
      `${report.length} accounts, ${sum(({ listed }) => listed)} messages listed: ${sum(({ same }) => same)} the same, ` +
        `${sum(({ deleted }) => deleted)} deleted since, ${differences.length} differences; ` +
        `${sum(({ newer }) => newer)} newer\n`,
    );
  return differences.length === 0 ? EXIT.done : EXIT.differs;
}
