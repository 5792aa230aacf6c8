import { headerText } from "./message-head";

/** The fields that Stalwart makes one set of ids of (0.16.18, `email_ingest`). */
const ID_FIELD = /^[\t\r\f :]*(?:message-id|in-reply-to|references|resent-message-id)[\t\r\f ]*:(.*(?:\n[\t ].*)*)/gim;

/**
 * Whether Stalwart would drop the message because the account has the other one: they have one subject and the same ids,
 * whichever fields those are in. One Message-ID is enough here, which is more than the real server asks for.
 */
export function isDuplicate(message: Buffer, other: Buffer): boolean {
  const id = headerText(message, "message-id");
  if (id !== null && headerText(other, "message-id") === id) return true;
  const ids = idsOf(message);
  return ids !== "" && ids === idsOf(other) && subjectOf(message) === subjectOf(other);
}

function idsOf(message: Buffer): string {
  const text = message.toString("latin1");
  // The worst that can be read: every line may begin a field.
  const head = text.slice(0, /\n[\t\r\f ]*\n/.exec(text)?.index ?? text.length);
  const values = [...head.matchAll(ID_FIELD)].map(([, value = ""]) => value.replace(/\r/g, ""));
  const ids = values.flatMap((value) => {
    const bracketed = [...value.matchAll(/<\s*([^>]*?)\s*>/g)].map(([, inside = ""]) => inside.replace(/^[<\s]+/, ""));
    return bracketed.length > 0 ? bracketed : [value.replace(/[<>]/g, "").trim()];
  });
  return [...new Set(ids)]
    .filter((one) => one !== "")
    .sort()
    .join(" ");
}

function subjectOf(message: Buffer): string {
  return (headerText(message, "subject") ?? "").replace(/^(?:re|fwd?|aw|wg):\s*/i, "");
}
