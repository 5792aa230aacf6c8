import { deployment, recoveryAdmin, type Context } from "../context";
import { ARRIVALS_PORT, FILES } from "../deployment";
import { Fault, reasonOf } from "../fault";
import { connectTo, type Client } from "../jmap/client";
import { nodeCrypto } from "../node-crypto";
import { keyNumber } from "../keys";
import { arrivalsKeys, ensureArrivalsKey } from "./keys";
import type { Question } from "./question";
import { arrivalOf } from "./search";
import { startArrivals } from "./server";

export const ARRIVALS_USAGE = `onhost arrivals             answers whether a message has arrived
onhost arrivals --check [URL]   asks the running service about a message that never existed
onhost arrivals-key NUMBER  prints the Worker's key for that question; makes it if there is none
`;

/** Short, because the Worker asks again. */
const PATIENCE = { firstPauseMs: 100, longestPauseMs: 500, totalMs: 3_000 };
const SELF = `http://arrivals:${ARRIVALS_PORT}`;
/** The doctor waits for it over SSH. */
const CHECK_MS = 4_000;
const TRACE_BYTES = 16;
/** The check asks about a message from that long ago, so that "no" is not premature. */
const CHECKED_AGO_MS = 600_000;

/** False when the arguments are wrong. Without arguments it serves until the process ends. */
export async function arrivalsCommand(
  [option, url, ...more]: readonly string[],
  context: Context,
  sessionPath: string,
): Promise<boolean> {
  if (option === undefined) return await serveArrivals(context, sessionPath);
  if (option !== "--check" || more.length > 0 || (url !== undefined && !URL.canParse(url))) return false;
  await checkArrivals(context, url);
  return true;
}

/** False when the arguments are wrong. */
export function arrivalsKeyCommand([number = "", ...more]: readonly string[], { file, out }: Context): boolean {
  const wanted = keyNumber(number);
  if (wanted === undefined || more.length > 0) return false;
  out.write(`${ensureArrivalsKey(file(FILES.arrivalsKeys), wanted)}\n`);
  return true;
}

async function serveArrivals(context: Context, sessionPath: string): Promise<never> {
  const folder = context.file(FILES.arrivalsKeys);
  const ask = asker(() =>
    connectTo({
      url: context.url,
      sessionPath,
      authorization: recoveryAdmin(context),
      patience: PATIENCE,
    }),
  );
  await startArrivals({ port: ARRIVALS_PORT, host: "0.0.0.0", keys: () => arrivalsKeys(folder), ask });
  return await new Promise<never>(() => undefined);
}

/** Answers questions over one session, which is opened again after any trouble. */
export function asker(
  connect: () => Promise<Client>,
  { hasQueue = true, now = Date.now }: { readonly hasQueue?: boolean; readonly now?: () => number } = {},
) {
  let client: Promise<Client> | undefined;
  return async (question: Question) => {
    const used = (client ??= connect());
    try {
      return await arrivalOf(await used, question, { now: now(), hasQueue });
    } catch (error) {
      if (client === used) client = undefined;
      used.then(
        ({ close }) => close(),
        () => undefined,
      );
      throw error;
    }
  };
}

/**
 * Asks the running service about a message that never existed, and expects "no". Throws a `Fault` otherwise.
 *
 * @param url of the service
 */
async function checkArrivals(context: Context, url = SELF): Promise<void> {
  const [key] = arrivalsKeys(context.file(FILES.arrivalsKeys));
  if (key === undefined) throw fault("has no key", "Run pulumi up: it makes one.");
  const now = Date.now();
  const question: Question = {
    addresses: [deployment(context).primary],
    traces: [nodeCrypto().randomBytes(TRACE_BYTES).toString("hex")],
    since: now - CHECKED_AGO_MS,
    askedAt: now,
  };
  let said: string;
  try {
    const response = await fetch(new URL("/arrivals", url), {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(question),
      signal: AbortSignal.timeout(CHECK_MS),
    });
    said = response.ok ? await response.text() : `HTTP ${response.status}`;
  } catch (error) {
    said = reasonOf(error);
  }
  // "later": somebody's mail is in the queue, and the service has looked.
  if (!/^\{"arrived":"(no|later)"\}$/.test(said)) throw fault(`answers: ${said.slice(0, 200)}`);
}

function fault(
  fact: string,
  next = "Look at both logs: docker compose -p mail-stack logs --tail 50 arrivals stalwart",
): Fault {
  return new Fault(`The service arrivals ${fact}.`, "A message whose delivery was not confirmed may come twice.", next);
}
