import { call, jsonObject } from "./http";
import type { Fetch } from "./http";

/**
 * Whether a message has arrived at home. `later`: it may still be on its way inside the mail server. `unknown`: home cannot
 * tell, or was not asked.
 */
export type Arrival = "yes" | "no" | "later" | "unknown";

/** About a message whose earlier attempt ended without an answer. */
export interface ArrivalQuestion {
  /** Where it may have gone, the recipient first. */
  readonly addresses: readonly string[];
  /** Of the copies that may have arrived. */
  readonly traces: readonly string[];
  /** The edge received none of the copies before this time, in milliseconds since the epoch. */
  readonly since: number;
  /** Now, in milliseconds since the epoch. */
  readonly askedAt: number;
}

/** Asks home. Never fails. */
export type AskArrival = (question: ArrivalQuestion) => Promise<Arrival>;

/** The service at home, and the credentials for it. */
export interface ArrivalsConnection {
  /** The protected hostname. */
  readonly jmapUrl: URL;
  readonly accessClientId: string;
  readonly accessClientSecret: string;
  /** Undefined when nobody is asked. */
  readonly arrivalsKey: string | undefined;
}

/** For a home without that service. */
export const NOBODY_SAYS: AskArrival = () => Promise.resolve("unknown");

const PATH = "/arrivals";
const ANSWER_BYTES = 1_024;
const ANSWERS: readonly unknown[] = ["yes", "no", "later"] satisfies readonly Arrival[];

/**
 * Questions of one attempt.
 *
 * @param askMs for a question and its answer @param totalMs for the whole attempt, which begins now
 */
export function createArrivals(
  { jmapUrl, accessClientId, accessClientSecret, arrivalsKey }: ArrivalsConnection,
  fetch: Fetch,
  { askMs, totalMs }: { readonly askMs: number; readonly totalMs: number },
): AskArrival {
  if (arrivalsKey === undefined) return NOBODY_SAYS;
  const signal = AbortSignal.timeout(totalMs);
  const headers = {
    authorization: `Bearer ${arrivalsKey}`,
    "cf-access-client-id": accessClientId,
    "cf-access-client-secret": accessClientSecret,
    "content-type": "application/json",
  };
  return async (question) => {
    const init = { method: "POST", headers, body: JSON.stringify(question) };
    try {
      const limits = { signal, callMs: askMs, answerBytes: ANSWER_BYTES };
      const answer = await call("arrivals", fetch, new URL(PATH, jmapUrl), init, limits);
      const { arrived } = jsonObject("arrivals", answer);
      return ANSWERS.includes(arrived) ? (arrived as Arrival) : "unknown";
    } catch {
      return "unknown";
    }
  };
}
