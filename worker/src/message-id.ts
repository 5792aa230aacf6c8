import type { Message } from "./message";

/** A header section that is longer hides nothing that a mail server would look for: its Message-ID lies further up. */
const MAX_HEAD_BYTES = 256 * 1024;
const FIELD = /^message-id[\t ]*:(.*(?:\r?\n[\t ].*)*)/gim;

/**
 * The Message-IDs that a mail server may read out of the message: without brackets, blanks and comments, in lower case. More than
 * one where fields or brackets are repeated; none where there is no such field. An empty one (`<>`) is one like any other.
 */
export function messageIdsOf({ bytes, start }: Message): readonly string[] {
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, start + MAX_HEAD_BYTES));
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const fields = [...text.slice(0, end).matchAll(FIELD)].map(([, value = ""]) => value);
  return [...new Set(fields.flatMap(idsIn))];
}

function idsIn(value: string): readonly string[] {
  const bracketed = [...value.matchAll(/<([^<>]*)>/g)].map(([, id = ""]) => id);
  return (bracketed.length > 0 ? bracketed : [value]).map((id) => id.replace(/\s/g, "").toLowerCase());
}
