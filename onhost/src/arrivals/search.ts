import type { Client } from "../jmap/client";
import { isFields, objects, strings, text, type Fields } from "../jmap/json";
import { MAIL, PRINCIPALS } from "../jmap/session";
import { Trouble } from "../jmap/trouble";
import type { Arrival, Question } from "./question";
import { hasTrace } from "./received";

/** Stalwart's own objects. */
const STALWART = "urn:stalwart:jmap";
/** Messages in one answer, with their `Received` fields: some kB each at most. */
const PAGE = 100;
/** Of one account within the window. */
const MAX_MESSAGES = 2_000;
/** In the mail server's queue. Stalwart lists 500 objects and silently cuts off the rest. */
const MAX_QUEUED = 499;
/** Between the Worker's clock and the host's; with a larger difference a time window means nothing. */
const MAX_CLOCK_GAP_MS = 5 * 60_000;
/** No attempt of the Worker lasts longer: it asks when the claim of 3 min has ended. Before that "no" would be premature. */
const MIN_AGE_MS = 150_000;

export interface SearchOptions {
  /** This machine's clock, in milliseconds since the epoch. */
  readonly now: number;
  /** Whether the server has Stalwart's queue, which takes a message before a mailbox has it. */
  readonly hasQueue: boolean;
}

/**
 * Looks for the message in the accounts of the addresses, by exact comparison of its trace.
 * @throws Trouble when it cannot tell: the server does not answer, the clocks differ, or there is too much mail to look at.
 */
export async function arrivalOf(client: Client, question: Question, options: SearchOptions): Promise<Arrival> {
  const { addresses, askedAt, since } = question;
  if (Math.abs(askedAt - options.now) > MAX_CLOCK_GAP_MS) throw new Trouble("the clocks differ", "refused");
  // The queue first: what leaves it after this look is in the mailbox before the next one.
  const isQueued = options.hasQueue && (await isInQueue(client, question));
  const accounts = await accountsOf(client, addresses);
  if (accounts.length === 0) throw new Trouble("nobody has these addresses", "refused");
  for (const account of accounts) if (await hasArrived(client, account, question)) return "yes";
  return isQueued || askedAt - since < MIN_AGE_MS ? "later" : "no";
}

/** The accounts of those addresses that have one. */
async function accountsOf(client: Client, addresses: readonly string[]): Promise<readonly string[]> {
  const { session } = client;
  if (!session.capabilities.includes(PRINCIPALS))
    return session.accounts.filter(({ name }) => addresses.includes(name.toLowerCase())).map(({ id }) => id);
  const found: string[] = [];
  for (const email of addresses) {
    const { ids } = await client.call([PRINCIPALS], ["Principal/query", { filter: { email } }]);
    found.push(...strings(ids));
  }
  return [...new Set(found)];
}

/** Whether the queue holds any message to one of the addresses since then; it does not show a message's content. */
async function isInQueue(client: Client, { addresses, since }: Question): Promise<boolean> {
  const { ids } = await client.call([STALWART], ["x:QueuedMessage/query", {}]);
  if (!Array.isArray(ids) || ids.length > MAX_QUEUED) throw new Trouble("the queue cannot be seen", "refused");
  if (ids.length === 0) return false;
  const properties = ["id", "createdAt", "recipients"];
  const { list } = await client.call([STALWART], ["x:QueuedMessage/get", { ids: strings(ids), properties }]);
  return objects(list).some((message) => {
    const isOlder = Date.parse(text(message["createdAt"])) < since - MAX_CLOCK_GAP_MS;
    return !isOlder && recipientsOf(message).some((recipient) => addresses.includes(recipient.toLowerCase()));
  });
}

function recipientsOf({ recipients }: Fields): readonly string[] {
  return isFields(recipients) ? Object.keys(recipients) : [];
}

/** Each page starts at the last id, so that a message that is destroyed meanwhile does not make another one be skipped. */
async function hasArrived(client: Client, accountId: string, question: Question): Promise<boolean> {
  const after = new Date(question.since - MAX_CLOCK_GAP_MS).toISOString().replace(/\.\d+Z$/, "Z");
  const query = { accountId, filter: { after }, sort: [{ property: "receivedAt", isAscending: true }], limit: PAGE };
  let seen = 0;
  for (let anchor: string | undefined; ;) {
    const page = anchor === undefined ? { position: 0 } : { anchor, anchorOffset: 1 };
    const [queried, got] = await client.calls(
      [MAIL],
      [
        ["Email/query", { ...query, ...page }],
        [
          "Email/get",
          {
            accountId,
            "#ids": { resultOf: "0", name: "Email/query", path: "/ids" },
            properties: ["id", RECEIVED],
          },
        ],
      ],
    );
    if (queried instanceof Trouble) throw queried;
    if (got instanceof Trouble) throw got;
    const ids = strings(queried?.["ids"]);
    const last = ids.at(-1);
    if (last === undefined || last === anchor) return false;
    const messages = objects(got?.["list"]);
    if (messages.some((message) => hasTrace(receivedOf(message), question.traces))) return true;
    seen += ids.length;
    if (seen >= MAX_MESSAGES) throw new Trouble("there is too much mail in the window", "refused");
    anchor = last;
  }
}

/** RFC 8621 §4.1.3. */
const RECEIVED = "header:Received:asRaw:all";

function receivedOf(message: Fields): readonly string[] {
  const fields = message[RECEIVED];
  if (Array.isArray(fields)) return strings(fields);
  // A server that leaves it out has shown nothing.
  throw new Trouble("the server does not show Received fields", "refused");
}
