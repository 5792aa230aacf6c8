import type { Client } from "../jmap/client";
import { isFields, objects, text } from "../jmap/json";
import { listAll } from "../jmap/list";
import { CORE, MAIL, PRINCIPALS } from "../jmap/session";
import { isType } from "../jmap/trouble";

export interface Account {
  readonly id: string;
  /** An address, as a rule. */
  readonly name: string;
}

/**
 * Every account that the login reaches: those of its session, and where the server has principals (Stalwart), theirs; an
 * administrator who may impersonate reads them all. Principals that answer nothing to this login are left out.
 */
export async function reachableAccounts(client: Client): Promise<readonly Account[]> {
  const { session } = client;
  const own = session.accounts.filter(({ capabilities }) => capabilities.length === 0 || capabilities.includes(MAIL));
  const accounts = new Map<string, Account>(own.map(({ id, name }) => [id, { id, name }]));
  // A session names an account as it likes; the principal's address is what people know.
  if (session.capabilities.includes(PRINCIPALS))
    for (const account of await principals(client)) accounts.set(account.id, account);
  const reached: Account[] = [];
  // The session's own are not asked for: what they refuse is told with the account.
  for (const account of accounts.values())
    if (own.some(({ id }) => id === account.id) || (await isReached(client, account.id))) reached.push(account);
  return reached;
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

async function isReached(client: Client, accountId: string): Promise<boolean> {
  try {
    await client.call([CORE, MAIL], ["Mailbox/get", { accountId, ids: [], properties: ["id"] }]);
    return true;
  } catch (error) {
    if (isType(error, "accountNotFound", "accountNotSupportedByMethod", "forbidden")) return false;
    throw error;
  }
}
