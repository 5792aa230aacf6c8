import type { Client } from "../jmap/client";
import { text, type Fields } from "../jmap/json";
import { listAll } from "../jmap/list";
import { MAIL } from "../jmap/session";
import type { Gap } from "../export/manifest";
import { create, update } from "./set";
import { nodeCrypto } from "../node-crypto";

/** RFC 8621 section 2: what a person has set of a mailbox, beside its name and place. */
const KEPT = ["role", "sortOrder", "isSubscribed"] as const;

export interface MailboxOutcome {
  /** Id in the export -> id on the server. What is not in it could not be made. */
  readonly ids: ReadonlyMap<string, string>;
  readonly created: number;
  readonly updated: number;
  readonly gaps: readonly Gap[];
}

/** Stands for the id of a mailbox that would be made. */
const NOT_YET = "not-yet:";

/**
 * Finds or makes every mailbox of the export: by its role, or by its name below the same parent. Parents come first.
 * With `isDry` nothing is made, and ids of what is missing are only placeholders.
 */
export async function importMailboxes(
  client: Client,
  accountId: string,
  exported: readonly Fields[],
  isDry: boolean,
): Promise<MailboxOutcome> {
  const { list } = await listAll(client, accountId, { type: "Mailbox", using: MAIL });
  const free = new Map(list.map((mailbox) => [text(mailbox["id"]), mailbox]));
  const roles = new Set(list.map((mailbox) => text(mailbox["role"])).filter((role) => role !== ""));
  const ids = new Map<string, string>();
  const gaps: Gap[] = [];
  let [created, updated] = [0, 0];

  for (const mailbox of parentsFirst(exported)) {
    const id = text(mailbox["id"]);
    const exportedParent = text(mailbox["parentId"]);
    // A mailbox whose parent could not be made goes to the top, rather than its mail nowhere.
    const parentId = exportedParent === "" ? null : (ids.get(exportedParent) ?? null);
    const found = findByRole(mailbox) ?? findByName(mailbox, parentId);
    if (found !== undefined) {
      free.delete(text(found["id"]));
      ids.set(id, text(found["id"]));
      await bringUpToDate(mailbox, found);
    } else await make(mailbox, parentId);
  }
  return { ids, created, updated, gaps };

  function findByRole(mailbox: Fields): Fields | undefined {
    const role = text(mailbox["role"]);
    return role === "" ? undefined : [...free.values()].find((other) => other["role"] === role);
  }

  /** Some servers keep names in NFC, or without blanks around them, whatever they were given. */
  function findByName(mailbox: Fields, parentId: string | null): Fields | undefined {
    const name = text(mailbox["name"]);
    const siblings = [...free.values()].filter((other) => (other["parentId"] ?? null) === parentId);
    const names = [name, name.normalize("NFC"), name.normalize("NFC").trim(), plainName(name)];
    for (const wanted of names) {
      const sibling = siblings.find((other) => text(other["name"]) === wanted);
      if (sibling !== undefined) return sibling;
    }
    return undefined;
  }

  async function bringUpToDate(mailbox: Fields, found: Fields): Promise<void> {
    const patch: Record<string, unknown> = {};
    for (const property of KEPT)
      if (mailbox[property] !== undefined && mailbox[property] !== null && mailbox[property] !== found[property])
        patch[property] = mailbox[property];
    if (roles.has(text(patch["role"]))) delete patch["role"];
    if (Object.keys(patch).length === 0) return;
    updated += 1;
    if (isDry) return;
    const refused = await update(client, MAIL, accountId, "Mailbox", text(found["id"]), patch);
    if (refused !== undefined) gaps.push({ what: `mailbox ${text(mailbox["name"])}`, why: `not updated: ${refused}` });
  }

  async function make(mailbox: Fields, parentId: string | null): Promise<void> {
    const id = text(mailbox["id"]);
    const role = text(mailbox["role"]);
    created += 1;
    if (isDry) {
      ids.set(id, `${NOT_YET}${id}`);
      return;
    }
    const wanted = {
      name: text(mailbox["name"]),
      parentId,
      sortOrder: mailbox["sortOrder"] ?? 0,
      isSubscribed: mailbox["isSubscribed"] === true,
      ...(role === "" || roles.has(role) ? {} : { role }),
    };
    let outcome = await create(client, MAIL, accountId, "Mailbox", wanted);
    // Names differ in what servers take; the mail is worth more than the name.
    if ("refused" in outcome)
      outcome = await create(client, MAIL, accountId, "Mailbox", { ...wanted, name: plainName(wanted.name) });
    if ("refused" in outcome) {
      created -= 1;
      gaps.push({ what: `mailbox ${wanted.name}`, why: `not made: ${outcome.refused}` });
    } else ids.set(id, outcome.id);
  }
}

/** A name that every server takes, the same for the same name. */
function plainName(name: string): string {
  const plain = name
    .normalize("NFC")
    .replace(/[^\p{L}\p{N} ._-]/gu, "_")
    .slice(0, 60)
    .trim();
  return `${plain} ${nodeCrypto().createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
}

/** Each once, whatever the export says of parents: circles end, and no depth is too much. */
export function parentsFirst(mailboxes: readonly Fields[]): readonly Fields[] {
  const byId = new Map(mailboxes.map((mailbox) => [text(mailbox["id"]), mailbox]));
  const placed = new Set<string>();
  const inOrder: Fields[] = [];
  for (const mailbox of mailboxes) {
    const way: Fields[] = [];
    for (let at: Fields | undefined = mailbox; at !== undefined; at = byId.get(text(at["parentId"]))) {
      const id = text(at["id"]);
      if (placed.has(id)) break;
      placed.add(id);
      way.push(at);
    }
    for (const step of way.reverse()) inOrder.push(step);
  }
  return inOrder;
}
