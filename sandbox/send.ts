import { createHash } from "node:crypto";

import { createTransport } from "nodemailer";

import { R2_BUCKET } from "./cloud/kinds/r2";
import type { Outside } from "./outside";

export interface Delivery {
  readonly recipient: string;
  /** What the MX answered. */
  readonly reply: string;
  readonly sent: Fingerprint;
  /** The newest message of the account, without the trace headers that were put in front. */
  readonly stored: Fingerprint;
  /** Bytes that the MX and the Worker put in front (RFC 5321 section 4.4). */
  readonly traceBytes: number;
}

export interface Fingerprint {
  readonly bytes: number;
  readonly sha256: string;
}

/** A message that did not arrive as it was sent, with every hop it made. */
export class NotDelivered extends Error {
  constructor(
    readonly reason: string,
    readonly hops: readonly string[],
  ) {
    super(`${reason}\n${hops.map((hop) => `    ${hop}`).join("\n")}`);
  }
}

/** Hands a message to the MX by SMTP and finds it in the mailbox on the host. */
export async function deliver(
  outside: Outside,
  recipient: string,
  account: string,
  message: Buffer,
): Promise<Delivery> {
  const before = outside.host.mailbox(account).length;
  const transport = createTransport({
    host: "127.0.0.1",
    port: outside.mx.port,
    ignoreTLS: true,
    name: "sender.example",
  });
  const hops = () => outside.mx.traces.at(-1)?.hops ?? [];
  const reply = await transport
    .sendMail({ envelope: { from: "zoe@sender.example", to: recipient }, raw: message })
    .then(({ response }) => response)
    .catch((error: unknown) => {
      throw new NotDelivered(
        `The MX did not take the message: ${error instanceof Error ? error.message : String(error)}`,
        hops(),
      );
    });
  transport.close();
  const arrived = outside.host.mailbox(account).slice(before);
  const [stored] = arrived;
  if (!stored) {
    const place = (await isWaiting(outside)) ? "; it waits in the spool" : "";
    throw new NotDelivered(`The MX answered "${reply}", and nothing is in the mailbox${place}.`, hops());
  }
  if (arrived.length > 1) throw new NotDelivered(`The message is in the mailbox ${arrived.length} times.`, hops());
  const traceBytes = stored.raw.length - message.length;
  const body = stored.raw.subarray(Math.max(traceBytes, 0));
  if (!body.equals(message))
    throw new NotDelivered("The message in the mailbox differs from the one that was sent.", hops());
  return { recipient, reply, sent: fingerprint(message), stored: fingerprint(body), traceBytes };
}

/** Whether the Worker kept a message because home did not take it. */
async function isWaiting({ world }: Outside): Promise<boolean> {
  for (const { id } of world.all(R2_BUCKET)) if ((await world.buckets.list(id, "spool/")).length > 0) return true;
  return false;
}

function fingerprint(bytes: Buffer): Fingerprint {
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
