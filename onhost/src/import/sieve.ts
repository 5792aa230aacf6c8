import { statSync } from "node:fs";
import { inside, NotInside } from "../export/inside";
import type { Client } from "../jmap/client";
import { readText } from "../jmap/http";
import { objects, text, type Fields } from "../jmap/json";
import { create, update } from "./set";
import type { ObjectImport, ObjectOutcome } from "./objects";
import { nodeCrypto } from "../node-crypto";
import { differenceOf } from "./whole";

/** Stalwart shows the vacation response as a script of this name; it comes back with the vacation response. */
export const VACATION_SCRIPT = "vacation";

/** Scripts by name: made when missing, changed when their text differs. A script that is not whole in the export is a gap. */
export async function importScripts(
  { client, accountId, isDry }: ObjectImport,
  using: string,
  accountFolder: string,
  exported: readonly Fields[],
): Promise<ObjectOutcome> {
  const outcome: ObjectOutcome = { created: 0, updated: 0, there: 0, gaps: [] };
  const there = await scripts(client, using, accountId);
  for (const script of exported) {
    const name = text(script["name"]);
    if (name === VACATION_SCRIPT) continue;
    const { file, why: damage } = await scriptFile(accountFolder, script);
    if (file === undefined) {
      outcome.gaps.push({ what: `script ${name}`, why: damage });
      continue;
    }
    const found = there.find((other) => other["name"] === name);
    if (found !== undefined && (await contentHash(client, accountId, found)) === script["sha256"]) {
      outcome.there += 1;
      continue;
    }
    outcome[found === undefined ? "created" : "updated"] += 1;
    if (isDry) continue;
    const blobId = await client.upload(accountId, file, statSync(file).size, "application/sieve");
    const refused =
      found === undefined
        ? await create(client, using, accountId, "SieveScript", { name, blobId })
        : await update(client, using, accountId, "SieveScript", text(found["id"]), { blobId });
    const why =
      typeof refused === "string" ? refused : refused !== undefined && "refused" in refused ? refused.refused : "";
    if (why !== "") outcome.gaps.push({ what: `script ${name}`, why });
  }
  return outcome;
}

/**
 * Activates one script. This comes after the vacation response, because switching that off switches scripts off as well. If the
 * script was not imported, an existing one of the same name is not activated.
 */
export async function activateScript(
  { client, accountId, isDry }: ObjectImport,
  using: string,
  accountFolder: string,
  exported: readonly Fields[],
): Promise<ObjectOutcome> {
  const outcome: ObjectOutcome = { created: 0, updated: 0, there: 0, gaps: [] };
  const active = exported.find((script) => script["isActive"] === true && script["name"] !== VACATION_SCRIPT);
  if (active === undefined || (await scriptFile(accountFolder, active)).file === undefined) return outcome;
  const found = (await scripts(client, using, accountId)).find((script) => script["name"] === active["name"]);
  if (found === undefined || found["isActive"] === true) return outcome;
  outcome.updated += 1;
  if (isDry) return outcome;
  await client.call([using], ["SieveScript/set", { accountId, onSuccessActivateScript: found["id"] }]);
  const now = (await scripts(client, using, accountId)).find((script) => script["name"] === active["name"]);
  if (now?.["isActive"] !== true)
    outcome.gaps.push({ what: `script ${text(active["name"])}`, why: "the server did not activate it" });
  return outcome;
}

/** The file of a script, or why it must not be used. */
async function scriptFile(
  accountFolder: string,
  script: Fields,
): Promise<{ readonly file: string; readonly why?: undefined } | { readonly file?: undefined; readonly why: string }> {
  try {
    const file = inside(accountFolder).partPlace("scripts", text(script["file"]));
    const why = await differenceOf(file, text(script["sha256"]));
    return why === undefined ? { file } : { why };
  } catch (error) {
    if (error instanceof NotInside) return { why: error.fact };
    throw error;
  }
}

async function scripts(client: Client, using: string, accountId: string): Promise<readonly Fields[]> {
  return objects((await client.call([using], ["SieveScript/get", { accountId, ids: null }]))["list"]);
}

async function contentHash(client: Client, accountId: string, script: Fields): Promise<string> {
  const content = await client.download(accountId, text(script["blobId"]), "application/sieve", (body) =>
    readText("download of a script", body),
  );
  return nodeCrypto().createHash("sha256").update(content).digest("hex");
}
