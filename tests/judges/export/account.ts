import { createHash } from "node:crypto";
import { BulkImap } from "./imap-bulk";

export const SIEVE_CAPABILITY = "https://cyrusimap.org/ns/jmap/sieve";
export const CALENDARS_CAPABILITY = "https://cyrusimap.org/ns/jmap/calendars";

/** A login at Cyrus, over IMAP and by JMAP calls that share nothing with what is tested. */
export interface Login {
  readonly imapPort: number;
  readonly jmapPort: number;
  readonly user: string;
  readonly password: string;
}

/**
 * Everything that an account's mail consists of, comparable. Flags have no case (RFC 3501 section 2.3.2), JMAP gives them in
 * lower case; Cyrus makes names over JMAP in NFC.
 */
export interface Snapshot {
  readonly subscribed: readonly string[];
  /** Hash, flags and date of each message, by mailbox. */
  readonly mailboxes: Readonly<Record<string, readonly string[]>>;
}

/** Reads an account back over IMAP, byte for byte. */
export async function snapshot({ imapPort, user, password }: Login): Promise<Snapshot> {
  const client = await BulkImap.login(imapPort, user, password);
  const mailboxes: Record<string, readonly string[]> = {};
  for (const name of await client.list()) {
    const messages = await client.read(name);
    mailboxes[name.normalize("NFC")] = messages
      .map(({ raw, flags, internalDate }) => {
        const digest = createHash("sha256").update(raw).digest("hex");
        // Cyrus pads the day with a blank or with zero, as the message came.
        return `${digest} ${internalDate.trim().replace(/^(\d)-/, "0$1-")} ${flags
          .map((flag) => flag.toLowerCase())
          .sort()
          .join(" ")}`;
      })
      .sort();
  }
  const subscribed = (await client.subscribed()).map((name) => name.normalize("NFC")).sort();
  await client.close();
  return { mailboxes, subscribed };
}

export async function jmap(
  { jmapPort, user, password }: Login,
  methodCalls: readonly (readonly [string, object, string])[],
): Promise<readonly (readonly [string, Record<string, unknown>, string])[]> {
  const using = ["core", "mail", "submission"].map((name) => `urn:ietf:params:jmap:${name}`);
  const response = await fetch(`http://127.0.0.1:${jmapPort}/jmap/`, {
    method: "POST",
    headers: headers(user, password, "application/json"),
    body: JSON.stringify({ using: [...using, SIEVE_CAPABILITY, CALENDARS_CAPABILITY], methodCalls }),
  });
  const { methodResponses } = (await response.json()) as {
    methodResponses: [string, Record<string, unknown>, string][];
  };
  return methodResponses;
}

/** Makes a script; the last one made with `isActive` is the active one. */
export async function makeScript(login: Login, name: string, content: string, isActive: boolean): Promise<void> {
  const { jmapPort, user, password } = login;
  const response = await fetch(`http://127.0.0.1:${jmapPort}/jmap/upload/${encodeURIComponent(user)}/`, {
    method: "POST",
    headers: headers(user, password, "application/sieve"),
    body: content,
  });
  const { blobId } = (await response.json()) as { blobId: string };
  const activation = isActive ? { onSuccessActivateScript: "#s" } : {};
  const [answer] = await jmap(login, [
    ["SieveScript/set", { accountId: user, create: { s: { name, blobId } }, ...activation }, "0"],
  ]);
  if (answer?.[1]["created"] === null) throw new Error(`Cyrus refuses the script: ${JSON.stringify(answer)}`);
}

export interface Script {
  readonly name: string;
  readonly isActive: boolean;
  readonly content: string;
}

export async function scripts(login: Login): Promise<readonly Script[]> {
  const { jmapPort, user, password } = login;
  const [answer] = await jmap(login, [["SieveScript/get", { accountId: user, ids: null }, "0"]]);
  const list = answer?.[1]["list"] as { name: string; isActive: boolean; blobId: string }[];
  const read = list.map(async ({ name, isActive, blobId }) => {
    const account = encodeURIComponent(user);
    const url = `http://127.0.0.1:${jmapPort}/jmap/download/${account}/${blobId}/x?accept=application%2Fsieve`;
    const content = await (await fetch(url, { headers: headers(user, password, "text/plain") })).text();
    return { name, isActive, content };
  });
  return (await Promise.all(read)).sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** Name, role, place and order of each mailbox by its path. */
export async function mailboxTree(login: Login): Promise<Readonly<Record<string, unknown>>> {
  const [answer] = await jmap(login, [["Mailbox/get", { accountId: login.user, ids: null }, "0"]]);
  const list = answer?.[1]["list"] as { id: string; name: string; parentId: string | null; [key: string]: unknown }[];
  const byId = new Map(list.map((mailbox) => [mailbox.id, mailbox]));
  const pathOf = (id: string | null): string => {
    const mailbox = id === null ? undefined : byId.get(id);
    return mailbox === undefined ? "" : `${pathOf(mailbox.parentId)}/${mailbox.name}`;
  };
  return Object.fromEntries(
    list.map((mailbox) => {
      const { role, sortOrder, isSubscribed, totalEmails } = mailbox;
      return [pathOf(mailbox.id).normalize("NFC"), { role, sortOrder, isSubscribed, totalEmails }];
    }),
  );
}

function headers(user: string, password: string, type: string): Record<string, string> {
  const login = Buffer.from(`${user}:${password}`).toString("base64");
  return { authorization: `Basic ${login}`, "content-type": type };
}
