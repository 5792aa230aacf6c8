import type { Session } from "../jmap/session";
import { MAIL } from "../jmap/session";

/** A kind of objects beside e-mails: one file of JSON lines each, the objects as the server gives them. */
export interface Kind {
  /** In the file's name. */
  readonly kind: string;
  readonly type: string;
  /** The first one that the server offers; none, and the kind is not part of the export. */
  readonly capabilities: readonly string[];
  /** Without a query all objects come at once, as RFC 8620 has it for few objects. */
  readonly hasQuery: boolean;
}

export const MAILBOXES: Kind = { kind: "mailboxes", type: "Mailbox", capabilities: [MAIL], hasQuery: true };
/** RFC 9661. Cyrus 3.6 has the same methods under a name of its own. */
export const SIEVE: Kind = {
  kind: "sieve",
  type: "SieveScript",
  capabilities: ["urn:ietf:params:jmap:sieve", "https://cyrusimap.org/ns/jmap/sieve"],
  hasQuery: false,
};
export const IDENTITIES: Kind = {
  kind: "identities",
  type: "Identity",
  capabilities: ["urn:ietf:params:jmap:submission"],
  hasQuery: false,
};
export const VACATION: Kind = {
  kind: "vacation",
  type: "VacationResponse",
  capabilities: ["urn:ietf:params:jmap:vacationresponse"],
  hasQuery: false,
};
/** RFC 9610, JSContact. */
const CONTACTS = ["urn:ietf:params:jmap:contacts"] as const;
export const ADDRESS_BOOKS: Kind = {
  kind: "addressbooks",
  type: "AddressBook",
  capabilities: CONTACTS,
  hasQuery: false,
};
export const CARDS: Kind = { kind: "contacts", type: "ContactCard", capabilities: CONTACTS, hasQuery: true };
/** JSCalendar; Cyrus 3.6 again under a name of its own. */
const CALENDAR = ["urn:ietf:params:jmap:calendars", "https://cyrusimap.org/ns/jmap/calendars"] as const;
export const CALENDARS: Kind = { kind: "calendars", type: "Calendar", capabilities: CALENDAR, hasQuery: false };
export const EVENTS: Kind = { kind: "events", type: "CalendarEvent", capabilities: CALENDAR, hasQuery: true };

/** Beside mail, in the order in which an import needs them. */
export const OTHER_KINDS: readonly Kind[] = [IDENTITIES, SIEVE, VACATION, ADDRESS_BOOKS, CARDS, CALENDARS, EVENTS];

/** The capability by which the server offers a kind for an account; undefined when it does not. */
export function offered(session: Session, accountId: string, { capabilities }: Kind): string | undefined {
  const account = session.accounts.find(({ id }) => id === accountId);
  // Of an account that is reached by impersonation the session says nothing: what the server has, it has.
  const known =
    account === undefined || account.capabilities.length === 0 ? session.capabilities : account.capabilities;
  return capabilities.find((name) => session.capabilities.includes(name) && known.includes(name));
}
