import { isFields, parsed, strings } from "../jmap/json";

/** The Worker's question after an attempt that ended without an answer: has this message arrived? Times in milliseconds since the epoch. */
export interface Question {
  /** Where the message may have gone, the recipient first; in lower case. */
  readonly addresses: readonly string[];
  /** Ids in the `Received` fields that the Worker wrote: of its earlier copies of the message, and of the one that it has now. */
  readonly traces: readonly string[];
  /** The edge received no copy before that time. */
  readonly since: number;
  /** The Worker's clock. */
  readonly askedAt: number;
}

/** `later`: it may still be on its way inside the mail server, so ask again. */
export type Arrival = "yes" | "no" | "later";

/** Of a question as JSON. */
export const MAX_QUESTION_BYTES = 4_096;
const MAX_ADDRESSES = 4;
const MAX_TRACES = 4;
/** RFC 5321 §4.5.3.1, without the brackets, which belong to a path and not to an address. */
const MAX_ADDRESS_CHARACTERS = 254;
/** 128 random bits. */
const TRACE = /^[0-9a-f]{32}$/;

/** Reads a question. Undefined: it is not one. */
export function parseQuestion(json: string): Question | undefined {
  const value = parsed(json);
  if (!isFields(value)) return undefined;
  const { addresses, traces, since, askedAt } = value;
  if (!isList(addresses, MAX_ADDRESSES) || !isList(traces, MAX_TRACES)) return undefined;
  if (!addresses.every(isAddress) || !traces.every((trace) => TRACE.test(trace))) return undefined;
  if (!isTime(since) || !isTime(askedAt)) return undefined;
  return { addresses, traces, since, askedAt };
}

function isList(value: unknown, most: number): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.length <= most && strings(value).length === value.length;
}

function isAddress(text: string): boolean {
  return text.length <= MAX_ADDRESS_CHARACTERS && /^[^\s<>]+@[^\s<>@]+$/.test(text) && text === text.toLowerCase();
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
