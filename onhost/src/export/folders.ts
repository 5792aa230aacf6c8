import { text, type Fields } from "../jmap/json";
import { fileNames } from "./names";
import { nodeCrypto } from "../node-crypto";

/** Of a mailbox's path below the account's folder: file systems take 4,096 with everything around it. */
const MAX_PATH_BYTES = 2_000;

/**
 * The folder of each mailbox by its id, relative to the account's: `INBOX/Invoices`. Children lie in their parent's
 * folder. A mailbox whose parent is missing or that is its own ancestor is treated as one at the top, and so is one whose
 * path is too long.
 */
export function mailboxFolders(mailboxes: readonly Fields[]): ReadonlyMap<string, string> {
  const byId = new Map(mailboxes.map((mailbox) => [text(mailbox["id"]), mailbox]));
  const children = new Map<string, Fields[]>();
  for (const mailbox of mailboxes) {
    const parent = isBelowTop(mailbox, byId) ? text(mailbox["parentId"]) : "";
    children.set(parent, [...(children.get(parent) ?? []), mailbox]);
  }
  const folders = new Map<string, string>();
  const tooLong: Fields[] = [];
  place("", "", children.get("") ?? []);
  // With another name than any at the top, because every other one lacks the hash of a path.
  for (const mailbox of tooLong) {
    const id = text(mailbox["id"]);
    folders.set(id, `deep~${nodeCrypto().createHash("sha256").update(id).digest("hex").slice(0, 16)}`);
  }
  return folders;

  function place(prefix: string, parent: string, siblings: readonly Fields[]): void {
    const named = siblings.map((mailbox) => ({ name: text(mailbox["name"]), key: text(mailbox["id"]) }));
    const names = fileNames(named);
    for (const mailbox of siblings) {
      const id = text(mailbox["id"]);
      const folder = `${prefix}${names.get(id) ?? ""}`;
      if (Buffer.byteLength(folder) > MAX_PATH_BYTES) tooLong.push(mailbox);
      else folders.set(id, folder);
      if (id !== parent) place(`${folder}/`, id, children.get(id) ?? []);
    }
  }
}

function isBelowTop(mailbox: Fields, byId: ReadonlyMap<string, Fields>): boolean {
  const seen = new Set<string>([text(mailbox["id"])]);
  let parent = text(mailbox["parentId"]);
  if (!byId.has(parent)) return false;
  while (parent !== "") {
    if (seen.has(parent)) return false;
    seen.add(parent);
    parent = text(byId.get(parent)?.["parentId"]);
  }
  return true;
}

const UTC_DATE = /^(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?Z$/;

/**
 * `2026-01-02T03-04-05Z_<sha256>.eml`: sorts by date, and anyone can check the content against the name. No colons,
 * which NTFS does not take.
 */
export function messageFile(receivedAt: string, sha256: string): string {
  const [, date, hours, minutes, seconds] = UTC_DATE.exec(receivedAt) ?? [];
  return `${date === undefined ? "undated" : `${date}T${hours ?? ""}-${minutes ?? ""}-${seconds ?? ""}Z`}_${sha256}.eml`;
}
