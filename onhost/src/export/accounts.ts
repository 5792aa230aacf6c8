import type { Client } from "../jmap/client";
import { isFields, objects, text } from "../jmap/json";
import { listAll } from "../jmap/list";
import { CORE, MAIL, PRINCIPALS, type SessionAccount } from "../jmap/session";
import { isType } from "../jmap/trouble";

export interface Account {
  readonly id: string;
  /** An address, as a rule. */
  readonly name: string;
}

/** Method errors that say so of an account. */
export const NO_ACCOUNT = ["accountNotFound", "accountNotSupportedByMethod", "forbidden"] as const;

/**
 * The accounts of the login's session, and where the server has principals (Stalwart), theirs; an administrator who may
 * impersonate reads them all. Not every principal answers this login: `isReached`.
 */
export async function namedAccounts(client: Client): Promise<readonly Account[]> {
  const accounts = new Map<string, Account>(ownAccounts(client).map(({ id, name }) => [id, { id, name }]));
  // A session names an account as it likes; the principal's address is what people know.
  if (client.session.capabilities.includes(PRINCIPALS))
    for (const account of await principals(client)) accounts.set(account.id, account);
  return [...accounts.values()];
}

/** Those of them that answer. */
export async function reachableAccounts(client: Client): Promise<readonly Account[]> {
  const reached: Account[] = [];
  for (const account of await namedAccounts(client)) if (await isReached(client, account.id)) reached.push(account);
  return reached;
}

/** Whether an account is to be exported. The session's own are not asked for: what they refuse is told with the account. */
export async function isReached(client: Client, accountId: string): Promise<boolean> {
  return ownAccounts(client).some(({ id }) => id === accountId) || (await answers(client, accountId));
}

function ownAccounts({ session }: Client): readonly SessionAccount[] {
  return session.accounts.filter(({ capabilities }) => capabilities.length === 0 || capabilities.includes(MAIL));
}

async function principals(client: Client): Promise<readonly Account[]> {
  const accountId = client.session.ownAccountId ?? "";
  const { list } = await listAll(client, accountId, { type: "Principal", using: PRINCIPALS });
  return objects(list).flatMap((principal) => {
    const { accounts } = principal;
    // RFC 9670 section 2; Stalwart says nothing there, and a principal's id is its account's.
    const ids = isFields(accounts) ? Object.keys(accounts) : [text(principal["id"])];
    const name = text(principal["email"]) || text(principal["name"]);
    return ids.map((id) => ({ id, name: name || id }));
  });
}

async function answers(client: Client, accountId: string): Promise<boolean> {
  try {
    await client.call([CORE, MAIL], ["Mailbox/get", { accountId, ids: [], properties: ["id"] }]);
    return true;
  } catch (error) {
    if (isType(error, ...NO_ACCOUNT)) return false;
    throw error;
  }
}
