import { EXPORT_EXIT, unreadable, type TransferContext } from "../export/command";
import { readManifest } from "../export/manifest";
import { Fault } from "../fault";
import { connectTo } from "../jmap/client";
import { otherPlace, parsedArguments, PLACE_OPTIONS } from "../jmap/place";
import { progressOn } from "../jmap/progress";
import { Trouble } from "../jmap/trouble";
import { plainly } from "../plainly";
import { importAll, type ImportReport } from "./run";

export const IMPORT_USAGE = `onhost import [FOLDER] [--dry-run] [--account NAME[=TARGET]]… [--journal FOLDER] [--json]
                            brings an export into a server; 5: parts were refused
   another server: as for export
`;

const SHOWN_GAPS = 50;

export async function importCommand(args: readonly string[], context: TransferContext): Promise<number> {
  const parsed = parsedArguments({
    args: [...args],
    allowPositionals: true,
    options: {
      ...PLACE_OPTIONS,
      json: { type: "boolean" },
      "dry-run": { type: "boolean" },
      account: { type: "string", multiple: true },
      journal: { type: "string" },
    },
  });
  if (parsed === undefined || parsed.positionals.length > 1) {
    context.err.write(IMPORT_USAGE);
    return EXPORT_EXIT.usage;
  }
  const { values, positionals } = parsed;
  const root = positionals[0] ?? context.folder;
  const manifest = readManifest(root);
  if (manifest === undefined)
    throw new Fault(`There is no export in ${root}.`, "Nothing was imported.", "Name its folder: onhost import FOLDER");
  const place = otherPlace(values) ?? context.stalwart();
  const progress = progressOn(context.err);
  try {
    const client = await connectTo(place);
    try {
      const report = await importAll(client, manifest, {
        root,
        server: new URL(place.url).origin,
        accounts: new Map((values.account ?? []).map(namePair)),
        journalFolder: values.journal ?? `${root.replace(/\/+$/, "")}-import`,
        isDry: values["dry-run"] === true,
        onProgress: (account, done, total) => progress.show(`${account}: ${done} of ${total} messages`),
      });
      progress.end();
      if (values.json === true) plainly(context.out).write(`${JSON.stringify(report)}\n`);
      else tell(report, context);
      return report.accounts.every(({ gaps }) => gaps.length === 0) ? EXPORT_EXIT.done : EXPORT_EXIT.incomplete;
    } finally {
      client.close();
    }
  } catch (error) {
    throw error instanceof Trouble ? unreadable(place.url, error) : error;
  } finally {
    progress.end();
  }
}

/** Addresses hold no `=` outside of quotes that nobody uses. */
function namePair(text: string): [string, string] {
  const [name = "", target = name] = text.split("=", 2);
  return [name, target];
}

function tell({ accounts, isDry }: ImportReport, context: TransferContext): void {
  const [out, err] = [plainly(context.out), plainly(context.err)];
  const would = isDry ? "would be " : "";
  for (const { account, target, mailboxes, messages, objects, gaps } of accounts) {
    const into = account === target ? "" : ` into ${target}`;
    out.write(`${account}${into}: ${messages.imported} messages ${would}imported, ${messages.there} there already\n`);
    out.write(`  mailboxes: ${mailboxes.created} ${would}made, ${mailboxes.updated} ${would}changed\n`);
    for (const [kind, { created, updated, there }] of Object.entries(objects))
      out.write(`  ${kind}: ${created} ${would}made, ${updated} ${would}changed, ${there} there already\n`);
    for (const { what, why } of gaps.slice(0, SHOWN_GAPS)) err.write(`${account}: ${what}: ${why}\n`);
    if (gaps.length > SHOWN_GAPS) err.write(`${account}: ${gaps.length - SHOWN_GAPS} more; all of them with --json\n`);
  }
}
