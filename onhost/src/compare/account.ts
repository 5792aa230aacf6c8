import { pipeline } from "node:stream/promises";
import {
  agrees,
  countInMailboxes,
  EMAIL,
  EMAIL_PROPERTIES,
  emailOf,
  storedEmailOf,
  type Email,
  type StoredEmail,
} from "../export/emails";
import { checkAccount } from "../export/check";
import { inside } from "../export/inside";
import { MAILBOXES } from "../export/kinds";
import { readLines } from "../export/lines";
import type { AccountEntry, LinesFile } from "../export/manifest";
import type { Client } from "../jmap/client";
import { forEach } from "../jmap/each";
import { text } from "../jmap/json";
import { changesSince, listAll } from "../jmap/list";
import { MAIL } from "../jmap/session";
import { Trouble } from "../jmap/trouble";
import { nodeCrypto } from "../node-crypto";

/** One thing that is not on the server as the export says. */
export interface Difference {
  readonly account: string;
  /** `account`, a mailbox's folder, the id of a message, or a file of the export. */
  readonly what: string;
  readonly why: string;
}

export interface AccountComparison {
  readonly account: string;
  /** Messages of the export. */
  readonly listed: number;
  /** Of them on the server, every byte read and with the same hash. */
  readonly same: number;
  /** Of them deleted after the export, as the server itself remembers. */
  readonly deleted: number;
  /** Messages that came after the export; their bytes were read too. */
  readonly newer: number;
  readonly differences: readonly Difference[];
}

/**
 * Reads every message of the account from the server and compares ids and SHA-256 with what the export in `root` says. A
 * message that the export lists may be missing for one reason only: the server says that it was deleted since. The files
 * of the export are compared with its lists too.
 *
 * @throws Trouble when the server fails, Fault when the export's own lists are damaged
 */
export async function compareAccount(client: Client, root: string, entry: AccountEntry): Promise<AccountComparison> {
  const folder = inside(root).place(entry.folder);
  const differences: Difference[] = [];
  const differs = (what: string, why: string) => void differences.push({ account: entry.name, what, why });
  for (const { file, what } of (await checkAccount(root, entry)).damages) differs(file, DAMAGE[what]);
  const listed = new Map(linesOf(folder, entry.files["emails"]).map((line) => [text(line["id"]), storedEmailOf(line)]));
  if (listed.size !== entry.messages)
    differs("account", `the manifest counts ${entry.messages} messages, its list has ${listed.size}`);

  const { list } = await listAll(client, entry.id, EMAIL, EMAIL_PROPERTIES);
  const there = new Map(list.map((object) => [text(object["id"]), emailOf(object)]));
  await compareMailboxes(client, folder, entry, there, differs);
  const deleted = await deletedSince(client, entry);
  const why = deleted === undefined ? ", which cannot tell whether it was deleted" : "";
  for (const id of listed.keys())
    if (!there.has(id) && deleted?.has(id) !== true) differs(id, `is not on the server${why}`);
  const same = await readAll(client, entry.id, there, listed, differs);
  return {
    account: entry.name,
    listed: listed.size,
    same,
    deleted: [...listed.keys()].filter((id) => !there.has(id) && deleted?.has(id) === true).length,
    newer: [...there.keys()].filter((id) => !listed.has(id)).length,
    differences,
  };
}

const DAMAGE = {
  missing: "is missing in the export",
  changed: "does not have the hash that the export's list gives",
  outside: "leads outside the export",
} as const;

function linesOf(folder: string, file: LinesFile | undefined): ReturnType<typeof readLines> {
  return file === undefined ? [] : readLines(folder, file);
}

/** Ids of messages that the server remembers to have been deleted since the export; undefined where it cannot tell. */
async function deletedSince(client: Client, { id, states }: AccountEntry): Promise<ReadonlySet<string> | undefined> {
  const state = states[EMAIL.type];
  const changes = state === undefined ? undefined : await changesSince(client, id, EMAIL, state);
  return changes?.destroyed;
}

/** The mailboxes of the export are there, and each counts as many messages as it holds. */
async function compareMailboxes(
  client: Client,
  folder: string,
  entry: AccountEntry,
  there: ReadonlyMap<string, Email>,
  differs: (what: string, why: string) => void,
): Promise<void> {
  const { list } = await listAll(client, entry.id, { type: MAILBOXES.type, using: MAIL });
  const ids = new Set(list.map((mailbox) => text(mailbox["id"])));
  for (const line of linesOf(folder, entry.files[MAILBOXES.kind]))
    if (!ids.has(text(line["id"]))) differs(text(line["folder"]), "is no mailbox on the server");
  if (!agrees(countInMailboxes(there.values()), list))
    differs("account", "mailboxes on the server count other messages than they hold");
}

/** Downloads every message once. @returns how many of the listed ones have their hash */
async function readAll(
  client: Client,
  accountId: string,
  there: ReadonlyMap<string, Email>,
  listed: ReadonlyMap<string, StoredEmail>,
  differs: (what: string, why: string) => void,
): Promise<number> {
  let same = 0;
  await forEach(there.values(), client.connections, async ({ id, blobId }) => {
    const wanted = listed.get(id)?.sha256;
    try {
      const sha256 = await client.download(accountId, blobId, "message/rfc822", async (body) => {
        const hash = nodeCrypto().createHash("sha256");
        await pipeline(body, hash);
        return hash.digest("hex");
      });
      if (wanted === undefined) return;
      if (sha256 === wanted) same += 1;
      else differs(id, "has other bytes than in the export");
    } catch (error) {
      if (!(error instanceof Trouble) || error.details.status === undefined) throw error;
      differs(id, `cannot be read: ${error.fact}`);
    }
  });
  return same;
}
