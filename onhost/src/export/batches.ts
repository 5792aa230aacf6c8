import type { Client, Result } from "../jmap/client";
import { objects, text, type Fields } from "../jmap/json";
import { BLOB } from "../jmap/session";
import { Trouble } from "../jmap/trouble";
import type { Email } from "./emails";
import { TOGETHER_MS } from "./objects";

/** Messages of one request, and their bytes: what a kill may cost, and what is in memory for each connection. */
const BATCH_MESSAGES = 50;
const BATCH_BYTES = 1024 * 1024;

/**
 * Messages in the order of the listing, those that are small together: a request costs a server more than a small
 * message does, and a far one costs a round trip. Without Blob/get (RFC 9404) at the server each is alone.
 */
export function* batches(client: Client, emails: Iterable<Email>): Generator<readonly Email[]> {
  const limit = blobCapability(client) === undefined ? 1 : Math.min(BATCH_MESSAGES, client.session.maxObjectsInGet);
  let [batch, bytes]: [Email[], number] = [[], 0];
  for (const email of emails) {
    if (batch.length > 0 && (batch.length >= limit || bytes + email.size > BATCH_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(email);
    bytes += email.size;
  }
  if (batch.length > 0) yield batch;
}

/**
 * The contents of a batch by blob id. What is missing in it or has another size than its e-mail says must be downloaded
 * alone, and so must everything when the server does not do this after all.
 */
export async function contents(
  client: Client,
  accountId: string,
  batch: readonly Email[],
): Promise<ReadonlyMap<string, Buffer>> {
  const capability = blobCapability(client);
  const found = new Map<string, Buffer>();
  if (capability === undefined || batch.length < 2) return found;
  const sizes = new Map(batch.map(({ blobId, size }) => [blobId, size]));
  const properties = ["data:asBase64", "size"];
  const got = await asked(client, capability, { accountId, ids: [...sizes.keys()], properties });
  if (got instanceof Trouble) return found;
  for (const blob of objects(got["list"])) {
    const id = text(blob["id"]);
    const content = Buffer.from(text(blob["data:asBase64"]), "base64");
    if (content.length === sizes.get(id)) found.set(id, content);
  }
  return found;
}

/** With little patience: a message alone has all of it. */
async function asked(client: Client, capability: string, args: Fields): Promise<Result> {
  try {
    const [got = {}] = await client.calls([capability], [["Blob/get", args]], { patienceMs: TOGETHER_MS });
    return got;
  } catch (error) {
    if (error instanceof Trouble) return error;
    throw error;
  }
}

function blobCapability({ session }: Client): string | undefined {
  return BLOB.find((name) => session.capabilities.includes(name));
}
