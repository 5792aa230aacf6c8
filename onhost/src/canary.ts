import { Fault } from "./fault";
import type { Answer, Http } from "./http";
import { isFields, objects, parsed, strings, text, type Fields } from "./jmap/json";
import { CORE, MAIL, PRINCIPALS } from "./jmap/session";
import { nodeCrypto } from "./node-crypto";

export interface CanaryLogins {
  /** The Worker's key, and the address that the Worker comes from. */
  readonly key: string;
  readonly workerAddress: string;
  /** Authorization of who may read every account. */
  readonly admin: string;
}

/**
 * Brings a message to `address` as the Worker does, with the Worker's key; reads it back as the administrator, byte for
 * byte; and takes it away again, so that nobody sees it. Throws a `Fault` that names the step that did not go well.
 */
export async function tryMessage(
  address: string,
  { key, workerAddress, admin }: CanaryLogins,
  asked: Http,
): Promise<void> {
  const worker = `Bearer ${key}`;
  const http: Http = (path, request = {}) =>
    asked(path, request.authorization === worker ? { ...request, from: workerAddress } : request);
  const raw = message(address);

  const [accountId = ""] = strings(
    (await call("Principal/query", { filter: { email: address } }, worker, PRINCIPALS))["ids"],
  );
  if (accountId === "") throw fault(`Stalwart has no account ${address}`);
  const [inbox = ""] = strings((await call("Mailbox/query", { accountId, filter: { role: "inbox" } }, worker))["ids"]);
  const uploaded = await answered(
    "the upload",
    http(`/jmap/upload/${accountId}/`, { method: "POST", authorization: worker, body: raw }),
  );
  const blobId = text(fields(parsed(uploaded))["blobId"]);
  const email = { blobId, mailboxIds: { [inbox]: true }, keywords: { $seen: true } };
  const imported = await call("Email/import", { accountId, emails: { canary: email } }, worker);
  const id = text(fields(fields(imported["created"])["canary"])["id"]);
  if (id === "") throw fault(`Email/import: ${reason(fields(fields(imported["notCreated"])["canary"]))}`);

  const got = await call("Email/get", { accountId, ids: [id], properties: ["id", "blobId", "mailboxIds"] }, admin);
  const [found = {}] = objects(got["list"]);
  if (fields(found["mailboxIds"])[inbox] !== true) throw fault("Email/get: the message is not in the Inbox");
  const stored = await answered(
    "the download",
    http(`/jmap/download/${accountId}/${text(found["blobId"])}/canary`, { authorization: admin }),
  );
  if (stored !== raw) throw fault("the message that it gives back is another one");
  const gone = await call("Email/set", { accountId, destroy: [id] }, admin);
  if (!strings(gone["destroyed"]).includes(id)) throw fault(`Email/set: ${reason(fields(gone["notDestroyed"])[id])}`);

  async function call(method: string, args: Fields, authorization: string, capability = MAIL): Promise<Fields> {
    const body = JSON.stringify({ using: [CORE, capability], methodCalls: [[method, args, "0"]] });
    const answer = await answered(method, http("/jmap", { method: "POST", authorization, body }));
    const responses: unknown = fields(parsed(answer))["methodResponses"];
    const first: unknown = Array.isArray(responses) ? responses[0] : undefined;
    const [name, result]: readonly unknown[] = Array.isArray(first) ? (first as readonly unknown[]) : [];
    if (name !== method) throw fault(`${method}: ${reason(result)}`);
    return fields(result);
  }
}

function message(address: string): string {
  const id = `canary-${nodeCrypto().randomBytes(8).toString("hex")}@${address.slice(address.lastIndexOf("@") + 1)}`;
  return [
    `From: <${address}>`,
    `To: <${address}>`,
    "Subject: Canary of an upgrade",
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${id}>`,
    "",
    "This message was put here and read back by onhost canary. It may be deleted.",
    "",
  ].join("\r\n");
}

async function answered(step: string, answer: Promise<Answer>): Promise<string> {
  const { status, text: body } = await answer;
  if (status === 200) return body;
  throw fault(`${step}: HTTP ${status}`);
}

/** Of a method error or a SetError (RFC 8620 sections 3.6.2 and 5.3). */
function reason(error: unknown): string {
  const { type, description } = fields(error);
  return [type, description].filter((part) => typeof part === "string").join(", ") || "no answer";
}

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function fault(what: string): Fault {
  return new Fault(
    `The canary failed: ${what}.`,
    "A message that comes now might not reach its mailbox.",
    "Look at its log: docker compose -p mail-stack logs --tail 50 stalwart",
  );
}
