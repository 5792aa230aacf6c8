import type { Client } from "../jmap/client";
import { isFields, strings, text, type Fields } from "../jmap/json";

/** RFC 8620 section 5.3, for one object. */
export type SetOutcome =
  | { readonly id: string }
  | { readonly refused: string; readonly properties: readonly string[]; readonly existingId?: string };

/**
 * Creates one object. Properties that the server complains about are left out once: servers differ in what they take
 * beside the standard's. Not repeated when it may have happened; a second run finds what the first one made.
 */
export async function create(
  client: Client,
  using: string,
  accountId: string,
  type: string,
  object: Fields,
  extra: Fields = {},
): Promise<SetOutcome> {
  const outcome = await createOnce(client, using, accountId, type, object, extra);
  if ("id" in outcome || outcome.refused !== "invalidProperties") return outcome;
  const rest = Object.entries(object).filter(([name]) => !outcome.properties.some((named) => isOf(named, name)));
  if (rest.length === Object.keys(object).length || rest.length === 0) return outcome;
  return await createOnce(client, using, accountId, type, Object.fromEntries(rest), extra);
}

/** Properties may be named by a path: `keywords/x`. */
function isOf(named: string, property: string): boolean {
  return named === property || named.startsWith(`${property}/`);
}

async function createOnce(
  client: Client,
  using: string,
  accountId: string,
  type: string,
  object: Fields,
  extra: Fields,
): Promise<SetOutcome> {
  const answer = await client.call([using], [`${type}/set`, { accountId, create: { new: object }, ...extra }], {
    isRepeatable: false,
  });
  const created = part(answer, "created")["new"];
  if (isFields(created)) return { id: text(created["id"]) };
  return refusal(part(answer, "notCreated")["new"]);
}

/** Changes one object; undefined when it was done, otherwise why not. */
export async function update(
  client: Client,
  using: string,
  accountId: string,
  type: string,
  id: string,
  patch: Fields,
): Promise<string | undefined> {
  const answer = await client.call([using], [`${type}/set`, { accountId, update: { [id]: patch } }]);
  const failure = part(answer, "notUpdated")[id];
  return failure === undefined ? undefined : refusal(failure).refused;
}

export function refusal(error: unknown): { refused: string; properties: readonly string[]; existingId?: string } {
  const fields = isFields(error) ? error : {};
  const type = text(fields["type"], "no answer");
  const existingId = text(fields["existingId"]);
  return {
    // Error types are identifiers; anything else in their place could be content.
    refused: /^[A-Za-z ]{1,40}$/.test(type) ? type : "unnamed error",
    properties: strings(fields["properties"]),
    ...(existingId === "" ? {} : { existingId }),
  };
}

export function part(answer: Fields, name: string): Fields {
  const value = answer[name];
  return isFields(value) ? value : {};
}
