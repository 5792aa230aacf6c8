/**
 * Fields that Email Routing puts in front of every message, below its own `Received`. They differ from one attempt of a sender
 * to the next, so they are not part of what the author wrote.
 */
const EDGE_FIELD = /^(?:arc-[a-z-]{1,60}|received-spf|x-cf-[a-z0-9-]{1,60}|authentication-results)$/;
const RESULTS = "authentication-results";
const RECEIVED = "received";

/** Email Routing's own fields have about 4 KiB, and each hop before it some hundred bytes. Everything after this limit counts as written by the author. */
const MAX_FRONT_BYTES = 64 * 1024;

/**
 * Where the part of a message begins that stays the same whenever its sender tries again. Servers on the way write in front of
 * what they get: all of them `Received` fields, and the last one, Email Routing, a set of its own. Only these are left out, and
 * only where that server writes them: before the second `Received`, each name once, `Authentication-Results` below a
 * `Received`. Any other difference, including a forged trace field, makes a different message.
 *
 * @param message as Email Routing handed it over
 * @returns an index at the beginning of a line
 */
export function authorStart(message: Uint8Array): number {
  const front = new TextDecoder("latin1").decode(message.subarray(0, MAX_FRONT_BYTES));
  const seen = new Set<string>();
  let hops = 0;
  for (let start = 0; ;) {
    const end = fieldEnd(front, start);
    const name = /^[a-z0-9-]{1,80}(?=:)/i.exec(front.slice(start, start + MAX_NAME))?.[0].toLowerCase() ?? "";
    const isReceived = name === RECEIVED;
    const isEdges = EDGE_FIELD.test(name) && hops < 2 && !seen.has(name) && (name !== RESULTS || hops === 1);
    if (end === undefined || !(isReceived || isEdges) || !PLAIN.test(front.slice(start, end))) return start;
    if (isReceived) hops++;
    else seen.add(name);
    start = end;
  }
}

const MAX_NAME = 81;
/** Some readers end a line at a CR alone and would see another field here. */
const PLAIN = /^(?:[\t -~]|\r?\n)*$/;
const FIELD_END = /\n(?![\t ])/g;

/** The index after the field's last line; undefined when the field does not end within the bytes that are searched. */
function fieldEnd(front: string, start: number): number | undefined {
  FIELD_END.lastIndex = start;
  const found = FIELD_END.exec(front);
  // The next line may continue the field, but is not searched.
  return found === null || FIELD_END.lastIndex === front.length ? undefined : FIELD_END.lastIndex;
}
