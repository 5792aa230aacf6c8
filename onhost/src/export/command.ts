import { Fault } from "../fault";
import { connectTo, type Place } from "../jmap/client";
import { otherPlace, parsedArguments, PLACE_OPTIONS } from "../jmap/place";
import { progressOn, readableBytes, type Terminal } from "../jmap/progress";
import { Trouble } from "../jmap/trouble";
import { plainly } from "../plainly";
import { checkExport } from "./check";
import { readManifest } from "./manifest";
import { exportAll, type ExportReport } from "./run";

export const EXPORT_USAGE = `onhost export [FOLDER] [--account NAME]… [--minutes N] [--full] [--repair] [--accept-loss] [--json]
                            brings the export of every account up to date; 5: parts are missing;
                            --full after Stalwart's data was restored
onhost export --check [FOLDER] [--json]   compares every file with the manifest; 6: files are damaged
   another server: --url URL --user LOGIN --password-file FILE, or --url URL --token-file FILE
`;

/** Beside done, failed and usage, which are as for every command. */
export const EXPORT_EXIT = { done: 0, usage: 2, incomplete: 5, damaged: 6 } as const;

export interface TransferContext {
  readonly out: Terminal;
  readonly err: Terminal;
  /** Of the export when no folder is named. */
  readonly folder: string;
  /** The deployment's Stalwart with its recovery administrator. Throws a `Fault`. */
  readonly stalwart: () => Place;
}

const MINUTE_MS = 60_000;
const SHOWN_DAMAGES = 20;

export async function exportCommand(args: readonly string[], context: TransferContext): Promise<number> {
  const parsed = parsedArguments({
    args: [...args],
    allowPositionals: true,
    options: {
      ...PLACE_OPTIONS,
      check: { type: "boolean" },
      json: { type: "boolean" },
      full: { type: "boolean" },
      repair: { type: "boolean" },
      "accept-loss": { type: "boolean" },
      account: { type: "string", multiple: true },
      minutes: { type: "string" },
    },
  });
  const minutes = Number(parsed?.values.minutes ?? Infinity);
  if (parsed === undefined || parsed.positionals.length > 1 || !(minutes > 0)) {
    context.err.write(EXPORT_USAGE);
    return EXPORT_EXIT.usage;
  }
  const { values, positionals } = parsed;
  const root = positionals[0] ?? context.folder;
  if (values.check === true) return await check(root, values.json === true, context);

  const place = otherPlace(values) ?? context.stalwart();
  const progress = progressOn(context.err);
  const end = new AbortController();
  const timer = minutes === Infinity ? undefined : setTimeout(() => end.abort(), minutes * MINUTE_MS);
  try {
    const client = await connectTo(place);
    try {
      const report = await exportAll(client, {
        root,
        server: new URL(place.url).origin,
        only: values.account ?? [],
        acceptsLoss: values["accept-loss"] === true,
        listsAll: values.full === true,
        repairs: values.repair === true,
        signal: end.signal,
        onProgress: (account, done, total) => progress.show(`${account}: ${done} of ${total} messages`),
      });
      progress.end();
      if (values.json === true) plainly(context.out).write(`${JSON.stringify(report)}\n`);
      else tell(report, context);
      return isWhole(report) ? EXPORT_EXIT.done : EXPORT_EXIT.incomplete;
    } finally {
      client.close();
    }
  } catch (error) {
    throw error instanceof Trouble ? unreadable(place.url, error) : error;
  } finally {
    clearTimeout(timer);
    progress.end();
  }
}

/** The server itself, and not one message or account. */
export function unreadable(url: string, { fact, details }: Trouble): Fault {
  const isLogin = details.status === 401 || details.status === 403;
  return new Fault(
    `${new URL(url).origin} cannot be used: ${fact}.`,
    "What was done so far is kept, and the same command goes on from there.",
    isLogin ? "Check the login; after too many wrong ones the address may be banned." : "Look at the server's log.",
  );
}

function isWhole({ accounts, isTimeOver }: ExportReport): boolean {
  return !isTimeOver && accounts.every(({ outcome, gaps }) => outcome === "exported" && gaps.length === 0);
}

function tell({ accounts, requests, bytesReceived }: ExportReport, context: TransferContext): void {
  const [out, err] = [plainly(context.out), plainly(context.err)];
  for (const { account, outcome, messages, bytes, downloaded, gaps } of accounts) {
    out.write(`${account}: ${outcome}, ${messages} messages, ${readableBytes(bytes)}, ${downloaded} downloaded\n`);
    for (const { what, why } of gaps) err.write(`${account}: ${what}: ${why}\n`);
  }
  out.write(`${requests} requests, ${readableBytes(bytesReceived)} received\n`);
}

async function check(root: string, isJson: boolean, context: TransferContext): Promise<number> {
  const [out, err] = [plainly(context.out), plainly(context.err)];
  const manifest = readManifest(root);
  if (manifest === undefined)
    throw new Fault(
      `There is no export in ${root}.`,
      "Nothing was checked.",
      "Name its folder: onhost export --check FOLDER",
    );
  const report = await checkExport(root, manifest);
  const { accounts, messages, files, damages, gaps } = report;
  if (isJson) out.write(`${JSON.stringify(report)}\n`);
  else
    out.write(`${accounts} accounts, ${messages} messages, ${files} files: ${damages.length} damaged, ${gaps} gaps\n`);
  for (const { file, what } of damages.slice(0, SHOWN_DAMAGES)) err.write(`${what}: ${file}\n`);
  if (damages.length === 0) return EXPORT_EXIT.done;
  err.write("Fetch them again from the server: onhost export --repair. Or restore the folder from the backup.\n");
  return EXPORT_EXIT.damaged;
}
