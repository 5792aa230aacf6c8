import type { Account, Caller, Directory, Permission } from "./accounts";
import { isObject, type Json } from "./json";
import { MAILBOXES } from "./mail-store";
import type { Change, MailStore, QueuedMessage, StoredMessage } from "./mail-store";
import { headerText, headerTexts } from "./message-head";
import { Refusal } from "./registry/patch";
import { UnknownMethod, type Registry } from "./registry/registry";

export type Invocation = readonly [name: string, args: Json, callId: string];

export const CORE = "urn:ietf:params:jmap:core";
export const MAIL = "urn:ietf:params:jmap:mail";
export const PRINCIPALS = "urn:ietf:params:jmap:principals";
const STALWART = "urn:stalwart:jmap";

/** One JMAP method: its capability, the permission it takes, what it answers. */
interface Method {
  readonly capability: string;
  readonly permission: Permission | undefined;
  /** The `accountId` names the account to work on. */
  readonly ofAccount: boolean;
  readonly run: (args: Json, context: Context, account: Account) => Json;
}

export interface Context {
  readonly directory: Directory;
  readonly store: MailStore;
  /** Absent: the host has accounts, and no settings that could be read or changed. */
  readonly registry?: Registry | undefined;
}

const METHODS: Readonly<Record<string, Method>> = {
  "Core/echo": { capability: CORE, permission: undefined, ofAccount: false, run: (args) => args },
  "Principal/query": {
    capability: PRINCIPALS,
    permission: "jmapPrincipalQuery",
    ofAccount: false,
    run: queryPrincipals,
  },
  "Principal/get": { capability: PRINCIPALS, permission: "jmapPrincipalGet", ofAccount: false, run: getPrincipals },
  "Mailbox/query": { capability: MAIL, permission: "jmapMailboxQuery", ofAccount: true, run: queryMailboxes },
  "Mailbox/get": { capability: MAIL, permission: "jmapMailboxGet", ofAccount: true, run: getMailboxes },
  "Email/import": { capability: MAIL, permission: "jmapEmailImport", ofAccount: true, run: importEmails },
  "Email/query": { capability: MAIL, permission: "jmapEmailQuery", ofAccount: true, run: queryEmails },
  "Email/changes": { capability: MAIL, permission: "jmapEmailChanges", ofAccount: true, run: changedEmails },
  "Email/set": { capability: MAIL, permission: "jmapEmailUpdate", ofAccount: true, run: destroyEmails },
  "Email/get": { capability: MAIL, permission: "jmapEmailGet", ofAccount: true, run: getEmails },
  "x:QueuedMessage/query": {
    capability: STALWART,
    permission: "sysQueuedMessageQuery",
    ofAccount: false,
    run: (args, { store }) =>
      queryResult(
        store.queue().map(({ id }) => id),
        args,
      ),
  },
  "x:QueuedMessage/get": {
    capability: STALWART,
    permission: "sysQueuedMessageGet",
    ofAccount: false,
    run: ({ ids }, { store }) => getResult(store.queue().map(asQueued), ids),
  },
};

/** Ends a method with a JMAP error (RFC 8620 §3.6.2). */
class MethodError extends Error {
  constructor(
    readonly type: string,
    readonly description: string,
  ) {
    super(description);
  }
}

/** Runs one method call for a caller. */
export function invoke(
  [name, args, callId]: Invocation,
  using: readonly string[],
  caller: Caller,
  context: Context,
): readonly [string, Json, string] {
  try {
    if (name.startsWith("x:") && !isOfStore(name, context))
      return [name, invokeRegistry(name, args, using, caller, context.registry), callId];
    const method = METHODS[name];
    // A capability that `using` lacks hides its methods.
    if (method === undefined || !using.includes(method.capability))
      throw new MethodError("unknownMethod", `Unknown method ${name}.`);
    if (method.permission !== undefined && !caller.may(method.permission))
      throw new MethodError("forbidden", "You do not have enough permissions to perform this action.");
    const account = method.ofAccount ? targetAccount(args["accountId"], caller, context.directory) : caller.account;
    return [name, method.run(args, context, account), callId];
  } catch (error) {
    if (!(error instanceof MethodError)) throw error;
    return ["error", { type: error.type, description: error.description }, callId];
  }
}

/** The queue is the store's, unless a registry has messages that were put there by hand. */
function isOfStore(name: string, { registry, store }: Context): boolean {
  return Object.hasOwn(METHODS, name) && (registry === undefined || store.queue().length > 0);
}

/** Stalwart's own objects; every verb on every type is a permission. */
function invokeRegistry(
  name: string,
  args: Json,
  using: readonly string[],
  caller: Caller,
  registry: Registry | undefined,
): Json {
  if (registry === undefined || !using.includes(STALWART))
    throw new MethodError("unknownMethod", `Unknown method ${name}.`);
  const [, type = "", verb = ""] = /^x:(\w+)\/(\w+)$/.exec(name) ?? [];
  const verbs =
    verb === "set" ? ["Create", "Update", "Destroy"].filter((part) => part.toLowerCase() in args) : [capital(verb)];
  if (!verbs.every((part) => caller.may(`sys${type}${part}`)))
    throw new MethodError("forbidden", "You do not have enough permissions to perform this action.");
  try {
    return registry.invoke(name, args);
  } catch (error) {
    if (error instanceof UnknownMethod) throw new MethodError("unknownMethod", error.message);
    if (error instanceof Refusal) throw new MethodError("invalidArguments", error.message);
    throw error;
  }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function targetAccount(id: unknown, caller: Caller, directory: Directory): Account {
  if (typeof id !== "string") throw new MethodError("invalidArguments", 'The "accountId" property is required.');
  if (!/^[a-z0-9]+$/.test(id)) throw new MethodError("accountNotFound", "The accountId is not valid.");
  if (id !== caller.account.id && !caller.may("impersonate"))
    throw new MethodError("forbidden", "You do not have access to this account.");
  const account = directory.byId(id);
  // It looks transient and never ends: measured.
  if (account === undefined)
    throw new MethodError("serverUnavailable", "The server is temporarily unavailable, please try again later.");
  return account;
}

function queryPrincipals({ filter, ...args }: Json, { directory }: Context): Json {
  const email = isObject(filter) ? filter["email"] : undefined;
  const found =
    email === undefined ? directory.all() : [typeof email === "string" ? directory.byAddress(email) : undefined];
  return queryResult(
    found.flatMap((account) => (account ? [account.id] : [])),
    args,
  );
}

function getPrincipals({ ids }: Json, { directory }: Context): Json {
  const principals = directory
    .all()
    .map(({ id, address }) => ({ id, type: "individual", name: address, email: address }));
  return getResult(principals, ids);
}

function stateOf(account: Account, store: MailStore): string {
  return `s${store.log(account).length}`;
}

/** RFC 8620 section 5.2. A state that never was is a state like any other in an account that was restored, as Stalwart has it. */
function changedEmails({ sinceState }: Json, { store }: Context, account: Account): Json {
  const log = store.log(account);
  const since = Number(/^s(\d+)$/.exec(String(sinceState))?.[1] ?? NaN);
  if (!(since <= log.length))
    throw new MethodError("cannotCalculateChanges", "The server cannot calculate the changes.");
  const ids = (what: Change["what"]) => log.slice(since).flatMap((change) => (change.what === what ? [change.id] : []));
  const destroyed = ids("destroyed");
  const created = ids("created").filter((id) => !destroyed.includes(id));
  const states = { oldState: sinceState, newState: stateOf(account, store), hasMoreChanges: false };
  return { accountId: account.id, ...states, created, updated: [], destroyed };
}

function queryMailboxes({ filter, ...args }: Json): Json {
  const role = isObject(filter) ? filter["role"] : undefined;
  return queryResult(
    MAILBOXES.filter((mailbox) => role === undefined || mailbox.role === role).map(({ id }) => id),
    args,
  );
}

function getMailboxes({ ids }: Json, { store }: Context, account: Account): Json {
  const mailboxes = MAILBOXES.map((mailbox) => ({
    ...mailbox,
    totalEmails: store.messages(account).filter(({ mailboxId }) => mailboxId === mailbox.id).length,
  }));
  return getResult(mailboxes, ids);
}

function importEmails({ emails, ifInState }: Json, { store }: Context, account: Account): Json {
  const created: Record<string, Json> = {};
  const notCreated: Record<string, Json> = {};
  if (!isObject(emails)) throw new MethodError("invalidArguments", 'The "emails" property is required.');
  const oldState = stateOf(account, store);
  if (typeof ifInState === "string" && ifInState !== oldState)
    throw new MethodError("stateMismatch", "The state is another one.");
  for (const [key, email] of Object.entries(emails)) {
    const result = importEmail(isObject(email) ? email : {}, store, account);
    if ("type" in result) notCreated[key] = result;
    else created[key] = result;
  }
  return { accountId: account.id, oldState, newState: stateOf(account, store), created, notCreated };
}

function importEmail({ blobId, mailboxIds, keywords, receivedAt }: Json, store: MailStore, account: Account): Json {
  if (typeof blobId !== "string" || !/^[a-z][0-9a-f]{64}$/.test(blobId))
    return { type: "invalidProperties", properties: ["blobId"], description: "Invalid blob id." };
  const raw = store.blob(blobId);
  if (raw === undefined)
    return { type: "blobNotFound", description: `blobId ${blobId} does not exist on this server.` };
  const [mailboxId = "", ...more] = isObject(mailboxIds) ? Object.keys(mailboxIds) : [];
  if (more.length > 0 || !MAILBOXES.some(({ id }) => id === mailboxId))
    return {
      type: "invalidProperties",
      properties: ["mailboxIds"],
      description: `Mailbox ${mailboxId} does not exist.`,
    };
  const stored = store.add(account, {
    mailboxId,
    keywords: isObject(keywords) ? (keywords as Record<string, boolean>) : {},
    receivedAt: typeof receivedAt === "string" ? receivedAt : new Date().toISOString(),
    raw,
  });
  if ("type" in stored) return { ...stored };
  return { id: stored.id, threadId: "b", blobId: stored.blobId, size: raw.length };
}

/** The order is by `receivedAt` when a sort is asked for, and that of arrival otherwise. */
function queryEmails({ filter, sort, ...args }: Json, { store }: Context, account: Account): Json {
  const { inMailbox, after, ...others }: Json = isObject(filter) ? filter : {};
  if (Object.keys(others).length > 0)
    throw new MethodError("unsupportedFilter", "Only inMailbox and after are supported here.");
  const since = typeof after === "string" ? Date.parse(after) : -Infinity;
  const found = store
    .messages(account)
    .filter(({ mailboxId }) => inMailbox === undefined || mailboxId === inMailbox)
    .filter(({ receivedAt }) => Date.parse(receivedAt) >= since);
  const [order]: readonly unknown[] = Array.isArray(sort) ? (sort as readonly unknown[]) : [];
  const sorted = isObject(order) ? byReceivedAt(found, order) : found;
  return queryResult(
    sorted.map(({ id }) => id),
    args,
  );
}

function byReceivedAt(messages: readonly StoredMessage[], { property, isAscending }: Json): readonly StoredMessage[] {
  if (property !== "receivedAt") throw new MethodError("unsupportedSort", "Only receivedAt is supported here.");
  const sign = isAscending === false ? -1 : 1;
  return [...messages].sort((one, other) => sign * (Date.parse(one.receivedAt) - Date.parse(other.receivedAt)) || 0);
}

/** Of RFC 8621 section 4.6 only the end of messages. */
function destroyEmails({ destroy, ...others }: Json, { store }: Context, account: Account): Json {
  if ("create" in others || "update" in others)
    throw new MethodError("invalidArguments", "Only destroy is supported here.");
  const ids: readonly unknown[] = Array.isArray(destroy) ? (destroy as readonly unknown[]) : [];
  const destroyed = ids.filter((id) => typeof id === "string" && store.remove(account, id));
  const notDestroyed = ids.filter((id) => !destroyed.includes(id)).map((id) => [id, { type: "notFound" }]);
  return { accountId: account.id, destroyed, notDestroyed: Object.fromEntries(notDestroyed) as Json };
}

function getEmails({ ids }: Json, { store }: Context, account: Account): Json {
  return { ...getResult(store.messages(account).map(describe), ids), state: stateOf(account, store) };
}

function describe({ id, blobId, mailboxId, keywords, receivedAt, raw }: StoredMessage): Json & { readonly id: string } {
  const [from, to, subject] = ["from", "to", "subject"].map((name) => headerText(raw, name));
  const received = { "header:Received:asRaw:all": headerTexts(raw, "received") };
  const headers = { "header:From": from, "header:To": to, subject, ...received };
  return { id, blobId, mailboxIds: { [mailboxId]: true }, keywords, receivedAt, size: raw.length, ...headers };
}

function asQueued({ id, createdAt, returnPath, recipient }: QueuedMessage): Json & { readonly id: string } {
  const status = { "@type": "TemporaryFailure", responseCode: 451, responseMessage: "4.3.0 Mailbox over quota." };
  return { id, createdAt, returnPath, recipients: { [recipient]: { status } } };
}

/** RFC 8620 section 5.5, the part of the ids that is asked for. */
function queryResult(ids: readonly string[], { position, anchor, anchorOffset, limit }: Json): Json {
  const at = typeof anchor === "string" ? ids.indexOf(anchor) : 0;
  if (at < 0) throw new MethodError("anchorNotFound", "The anchor was not found.");
  const offset = typeof anchor === "string" ? anchorOffset : position;
  const start = Math.max(0, at + (typeof offset === "number" ? offset : 0));
  const end = typeof limit === "number" ? start + limit : undefined;
  return {
    queryState: "n",
    canCalculateChanges: false,
    position: start,
    ids: ids.slice(start, end),
    total: ids.length,
  };
}

function getResult(objects: readonly { readonly id: string }[], ids: unknown): Json {
  if (!Array.isArray(ids)) return { state: "n", list: objects, notFound: [] };
  const list = objects.filter(({ id }) => ids.includes(id));
  return { state: "n", list, notFound: ids.filter((id) => !objects.some((object) => object.id === id)) };
}
