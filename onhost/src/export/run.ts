import * as path from "node:path";
import { Fault } from "../fault";
import type { Client } from "../jmap/client";
import { Trouble } from "../jmap/trouble";
import { exportAccount } from "./account";
import { isReached, namedAccounts, type Account } from "./accounts";
import { damagedHashes } from "./check";
import { makeFolder, prune } from "./files";
import { glanceAtAll, type Sight } from "./glance";
import { inside } from "./inside";
import { TimeIsOver, type DamagedHashes } from "./mail";
import {
  FORMAT,
  FORMAT_VERSION,
  readManifest,
  touchManifest,
  writeManifest,
  type AccountEntry,
  type Gap,
  type Manifest,
} from "./manifest";
import { fileName, fileNames, folded } from "./names";

export interface ExportOptions {
  readonly root: string;
  readonly server: string;
  /** Names of accounts; none means all. */
  readonly only: readonly string[];
  readonly acceptsLoss: boolean;
  /** Lists every e-mail anew; for a server that was restored. */
  readonly listsAll: boolean;
  /** Looks at every file first and fetches again what is damaged. */
  readonly repairs: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (account: string, done: number, total: number) => void;
}

export interface AccountReport {
  readonly account: string;
  /** `kept`: the last export was left as it is, for the reason in `gaps`. */
  readonly outcome: "exported" | "kept";
  readonly messages: number;
  readonly bytes: number;
  readonly downloaded: number;
  readonly gaps: readonly Gap[];
}

export interface ExportReport {
  readonly accounts: readonly AccountReport[];
  readonly isTimeOver: boolean;
  readonly requests: number;
  readonly bytesReceived: number;
}

/**
 * Brings an export up to date, account by account; each counts from when the manifest names its new state. What goes
 * wrong with one account is in the report and leaves the others alone. Throws `Fault`, or `Trouble` when the server
 * cannot be read at all.
 */
export async function exportAll(client: Client, options: ExportOptions): Promise<ExportReport> {
  const { root, only } = options;
  makeFolder(root);
  let manifest: Manifest = readManifest(root) ?? {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    server: options.server,
    accounts: [],
  };
  const { reachable, sights } = await lookAtAccounts(client, manifest, only);
  const reports: AccountReport[] = [];
  let isTimeOver = false;
  for (const account of selected(reachable, only)) {
    const previous = manifest.accounts.find(({ name }) => name === account.name);
    try {
      const sight = sights.get(account.id);
      if (sight instanceof Trouble) throw sight;
      const { entry, downloaded, cleanUp } = await exportAccount({
        client,
        account,
        root,
        sight,
        place: previous?.folder ?? newFolder(account, manifest.accounts),
        ...(await lastOf(options, previous)),
        acceptsLoss: options.acceptsLoss,
        listsAll: options.listsAll,
        now: new Date(),
        signal: options.signal,
        onProgress: (done, total) => options.onProgress(account.name, done, total),
      });
      if (entry !== previous || manifest.server !== options.server) {
        const others = manifest.accounts.filter(({ name }) => name !== account.name);
        manifest = { ...manifest, server: options.server, accounts: sorted([...others, entry]) };
        writeManifest(root, manifest);
      }
      cleanUp();
      const { messages, bytes, gaps } = entry;
      reports.push({ account: account.name, outcome: "exported", messages, bytes, downloaded, gaps });
    } catch (error) {
      if (error instanceof TimeIsOver) isTimeOver = true;
      else if (!(error instanceof Trouble || error instanceof Fault)) throw error;
      reports.push(kept(account.name, previous, error));
    }
  }
  for (const entry of only.length > 0 ? [] : manifest.accounts)
    if (!reachable.some(({ name }) => name === entry.name)) {
      if (options.acceptsLoss) {
        manifest = { ...manifest, accounts: manifest.accounts.filter((other) => other !== entry) };
        writeManifest(root, manifest);
        prune(inside(root).place(entry.folder), () => false);
      } else reports.push(kept(entry.name, entry, new Error(VANISHED)));
    }
  if (reports.some(({ outcome }) => outcome === "exported")) touchManifest(root);
  const { requests, bytes: bytesReceived } = client.traffic;
  return { accounts: reports, isTimeOver, requests, bytesReceived };
}

/** Which accounts there are, and what has changed in those of the last export. */
async function lookAtAccounts(
  client: Client,
  manifest: Manifest,
  only: readonly string[],
): Promise<{ readonly reachable: readonly Account[]; readonly sights: ReadonlyMap<string, Sight | Trouble> }> {
  const named = await namedAccounts(client);
  const known = named.flatMap((account) => {
    const entry = manifest.accounts.find(({ id, name }) => id === account.id && name === account.name);
    return entry === undefined || (only.length > 0 && !only.includes(account.name)) ? [] : [{ account, entry }];
  });
  const sights = await glanceAtAll(client, known);
  const reachable: Account[] = [];
  for (const account of named) {
    const sight = sights.get(account.id);
    // Trouble is told with the account.
    const isThere = sight instanceof Trouble || (sight !== undefined && sight.mail !== "no account");
    if (isThere || (await isReached(client, account.id))) reachable.push(account);
  }
  return { reachable, sights };
}

const NOTHING: DamagedHashes = new Set<string>();
/** Every file is fetched again where nobody knows what should be there. */
const EVERYTHING: DamagedHashes = { has: () => true, size: Infinity };

/** What an account's export can start from. */
async function lastOf(
  { repairs, root }: ExportOptions,
  previous: AccountEntry | undefined,
): Promise<{ readonly previous: AccountEntry | undefined; readonly damaged: DamagedHashes }> {
  if (!repairs || previous === undefined) return { previous, damaged: NOTHING };
  const { isWhole, hashes } = await damagedHashes(root, previous);
  return isWhole ? { previous, damaged: hashes } : { previous: undefined, damaged: EVERYTHING };
}

const VANISHED =
  "The server has no such account any more, or this login does not reach it. If it was deleted on purpose: onhost export --accept-loss";

function kept(account: string, previous: AccountEntry | undefined, error: unknown): AccountReport {
  const why = error instanceof TimeIsOver ? "The time was over. The next run goes on from here." : messageOf(error);
  const { messages, bytes } = previous ?? { messages: 0, bytes: 0 };
  return { account, outcome: "kept", messages, bytes, downloaded: 0, gaps: [{ what: "account", why }] };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown error";
}

function selected(accounts: readonly Account[], only: readonly string[]): readonly Account[] {
  if (accounts.length === 0)
    throw new Fault(
      "The login reaches no account with mail.",
      "Nothing was exported; the last export is as it was.",
      "Check the login, or log in once over IMAP: some servers make an account's mailboxes only then.",
    );
  const unknown = only.find((name) => !accounts.some((account) => account.name === name));
  if (unknown !== undefined)
    throw new Fault(
      `The login reaches no account ${unknown}.`,
      "Nothing was exported; the last export is as it was.",
      `It reaches: ${accounts.map(({ name }) => name).join(", ")}`,
    );
  return only.length === 0 ? accounts : accounts.filter(({ name }) => only.includes(name));
}

/** An account keeps its folder; a new one takes a name that is free. */
function newFolder(account: Account, entries: readonly AccountEntry[]): string {
  const taken = entries.map(({ folder }) => folded(path.basename(folder)));
  const plain = fileName(account.name);
  if (!taken.includes(folded(plain))) return `accounts/${plain}`;
  // The one that was there sorts before, so that the mark goes to this one.
  const names = fileNames([
    { name: account.name, key: "\0" },
    { name: account.name, key: account.id },
  ]);
  return `accounts/${names.get(account.id) ?? plain}`;
}

function sorted(entries: readonly AccountEntry[]): readonly AccountEntry[] {
  return [...entries].sort((one, other) => (one.name < other.name ? -1 : 1));
}
