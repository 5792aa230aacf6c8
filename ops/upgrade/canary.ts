import { randomBytes } from "node:crypto";

import { domainOf } from "../../infra/settings/mailbox";
import { deliveryHeaders } from "../../worker/src/message";
import { DEAD_PREFIX, nameOf, SPOOL_PREFIX, timeOf } from "../../worker/src/spool";
import type { SpoolObjects } from "../spool/objects";

/** The clock strikes every minute; a start of Stalwart and two runs are within this. */
const WITHIN_MS = 5 * 60_000;
const LOOK_EVERY_MS = 2_000;
const WAITING = SPOOL_PREFIX;

export interface Clock {
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
}

/**
 * Puts a message where the Worker keeps what home did not take, and waits for the Worker to bring it home: by Access, the
 * tunnel, Traefik and its key into Stalwart. Only the way from the sender's server to the Worker is not tried.
 *
 * @returns its Message-ID when it has left the spool and is not among the dead; undefined when it has not come home in time
 */
export async function canary(objects: SpoolObjects, address: string, clock: Clock): Promise<string | undefined> {
  // The spool is emptied in order of age, and behind all that has waited it might not come home in time.
  const [oldest] = (await objects.list(WAITING)).map(({ key }) => timeOf(nameOf(key))).sort((a, b) => a - b);
  const time = Math.min(clock.now(), (oldest ?? Infinity) - 1);
  const name = `${new Date(Number.isNaN(time) ? clock.now() : time).toISOString()}-${randomBytes(4).toString("hex")}.eml`;
  const id = `<canary-${randomBytes(8).toString("hex")}@${domainOf(address)}>`;
  const raw = [
    `From: ${address}`,
    `To: ${address}`,
    "Subject: Canary of an upgrade",
    `Date: ${new Date(clock.now()).toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: ${id}`,
    "",
    "This message came home after an upgrade of Stalwart. It may be deleted.",
    "",
  ].join("\r\n");
  await objects.put(`${WAITING}${name}`, Buffer.concat([deliveryHeaders(address, address), Buffer.from(raw)]));
  for (const end = clock.now() + WITHIN_MS; clock.now() < end; await clock.sleep(LOOK_EVERY_MS)) {
    // Not the whole bucket: what was delivered is noted there for weeks.
    const left = [...(await objects.list(WAITING)), ...(await objects.list(DEAD_PREFIX))];
    if (!left.some(({ key }) => key.includes(name))) return id;
  }
  return undefined;
}
