import { setImmediate } from "node:timers/promises";
import type { Call, Client, Result } from "../jmap/client";
import { forEach } from "../jmap/each";
import { objects, text, type Fields } from "../jmap/json";
import { MAIL } from "../jmap/session";
import { isType, Trouble } from "../jmap/trouble";
import { nodeCrypto } from "../node-crypto";
import { NO_ACCOUNT, type Account } from "./accounts";
import { agrees, contentKey, EMAIL, emailOf, MAX_WITNESSES } from "./emails";
import { MAILBOXES } from "./kinds";
import type { AccountEntry } from "./manifest";
import { firstCalls, TOGETHER_MS, type FirstAnswer } from "./objects";

/** What one request says about an account that was exported before. */
export interface Sight {
  /**
   * `another time`: ids stand for other messages than they did, so that no state can be believed. `no account`: the login
   * does not reach it.
   */
  readonly mail: "unchanged" | "changed" | "another time" | "no account";
  /** With the properties of `SEEN_OF_MAILBOXES`. */
  readonly mailboxes: readonly Fields[];
  /** Of the kinds beside mail; undefined when they must be asked for apart. */
  readonly others: readonly FirstAnswer[] | undefined;
}

/** What a person can change. Cyrus' state does not say that a subscription has changed. */
export const SEEN_OF_MAILBOXES = ["id", "name", "parentId", "role", "sortOrder", "isSubscribed"] as const;

/**
 * Looks at accounts by id, with one request each and as many at once as the server takes. When nothing has changed this
 * is all that is asked of them. An account whose request failed has its `Trouble`.
 */
export async function glanceAtAll(
  client: Client,
  accounts: readonly { readonly account: Account; readonly entry: AccountEntry }[],
): Promise<ReadonlyMap<string, Sight | Trouble>> {
  const sights = new Map<string, Sight | Trouble>();
  const looking = forEach(accounts, client.connections, async ({ account: { id }, entry }) => {
    try {
      sights.set(id, await glance(client, id, entry));
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      sights.set(id, error);
    }
  });
  await Promise.all([looking, loadMeanwhile()]);
  return sights;
}

/** Answers are compressed, and what they are compared with has hashes: the code for both is loaded while the server works. */
async function loadMeanwhile(): Promise<void> {
  // The requests go out before the loading holds everything up.
  await setImmediate();
  nodeCrypto();
  process.getBuiltinModule("node:zlib");
}

async function glance(client: Client, accountId: string, entry: AccountEntry): Promise<Sight> {
  const ids = Object.keys(entry.witnesses).slice(0, MAX_WITNESSES);
  const mail: readonly Call[] = [
    ["Email/get", { accountId, ids, properties: ["id", "blobId", "size", "receivedAt"] }],
    ["Mailbox/get", { accountId, ids: null, properties: [...SEEN_OF_MAILBOXES, "totalEmails"] }],
  ];
  const others = firstCalls(client, accountId);
  const all = [...mail, ...others.map(({ call }) => call)];
  // A kind that breaks the server would take the mail with it: Cyrus 3.6.1 ends the connection.
  if (entry.gaps.length === 0 && all.length <= client.session.maxCalls)
    try {
      const using = [MAIL, ...others.map(({ using }) => using)];
      const results = await client.calls(using, all, { patienceMs: TOGETHER_MS });
      const firsts = others.map(({ kind, using }, index) => ({
        kind,
        using,
        first: resultAt(results, mail.length + index),
      }));
      return { ...mailSeen(entry, ids, results), others: firsts };
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
    }
  return { ...mailSeen(entry, ids, await client.calls([MAIL], mail)), others: undefined };
}

function mailSeen(
  entry: AccountEntry,
  ids: readonly string[],
  results: readonly Result[],
): Pick<Sight, "mail" | "mailboxes"> {
  const [emails, mailboxes] = [resultAt(results, 0), resultAt(results, 1)];
  const list = mailboxes instanceof Trouble ? [] : objects(mailboxes["list"]);
  return { mail: outcome(entry, ids, emails, mailboxes, list), mailboxes: list };
}

function outcome(
  entry: AccountEntry,
  ids: readonly string[],
  emails: Result,
  mailboxes: Result,
  counted: readonly Fields[],
): Sight["mail"] {
  if (isType(emails, ...NO_ACCOUNT)) return "no account";
  if (emails instanceof Trouble) return "changed";
  const found = objects(emails["list"]).map(emailOf);
  if (found.some((email) => contentKey(email) !== entry.witnesses[email.id])) return "another time";
  if (text(emails["state"]) !== entry.states[EMAIL.type]) return "changed";
  // With the same state nothing can have been destroyed.
  if (found.length < ids.length) return "another time";
  if (mailboxes instanceof Trouble || text(mailboxes["state"]) !== entry.states[MAILBOXES.type]) return "changed";
  // A server may return fewer than there are.
  const isAll = counted.length === entry.files[MAILBOXES.kind]?.lines;
  return isAll && agrees(entry.inMailboxes, counted) ? "unchanged" : "changed";
}

function resultAt(results: readonly Result[], index: number): Result {
  return results[index] ?? {};
}
