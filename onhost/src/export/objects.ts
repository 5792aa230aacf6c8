import { existsSync } from "node:fs";
import type { Call, Client, Result } from "../jmap/client";
import { readText } from "../jmap/http";
import { compare, objects, text, type Fields } from "../jmap/json";
import { listAll } from "../jmap/list";
import { Trouble } from "../jmap/trouble";
import { SECRET_MODE, writeDurably } from "../store";
import { inside, NotInside } from "./inside";
import { offered, OTHER_KINDS, SIEVE, type Kind } from "./kinds";
import { readLines, writeLines } from "./lines";
import type { AccountEntry, Gap, LinesFile } from "./manifest";
import { fileName } from "./names";
import { nodeCrypto } from "../node-crypto";

const HASH_IN_NAME = 12;
/** For what is not mail: a server that breaks off at every attempt must not hold up the rest. */
const OPTIONAL_MS = 20_000;
/** For everything in one request; what fails is asked for again, one by one. */
export const TOGETHER_MS = 1_000;

export interface ExportedObjects {
  readonly files: Readonly<Record<string, LinesFile>>;
  readonly states: Readonly<Record<string, string>>;
  /** Files of scripts, relative to the account's folder. */
  readonly scripts: readonly string[];
  readonly gaps: readonly Gap[];
}

/**
 * Everything but mail. What cannot be read is a gap, and what the last export has of it stays: Cyrus 3.6.1 for one ends
 * the connection when it is asked for a vacation response. `seen`: first answers that are there already.
 */
export async function exportObjects(
  client: Client,
  accountId: string,
  folder: string,
  previous: AccountEntry | undefined,
  seen?: readonly FirstAnswer[],
): Promise<ExportedObjects> {
  const files: Record<string, LinesFile> = {};
  const states: Record<string, string> = {};
  const gaps: Gap[] = [];
  const scripts: string[] = [];
  for (const { kind, using, first } of seen ?? (await firstAnswers(client, accountId))) {
    const last = previous?.files[kind.kind];
    try {
      if (first instanceof Trouble) throw first;
      const state = kind.hasQuery ? text(first["state"]) : "";
      if (state !== "") states[kind.type] = state;
      if (last !== undefined && state !== "" && previous?.states[kind.type] === state) files[kind.kind] = last;
      else {
        const list = kind.hasQuery
          ? (await listAll(client, accountId, { type: kind.type, using })).list
          : first["list"];
        const sorted = inOrder(objects(list));
        const known = last === undefined || kind !== SIEVE ? [] : readLines(folder, last);
        const lines = kind === SIEVE ? await withScripts(client, accountId, folder, sorted, known) : sorted;
        files[kind.kind] = writeLines(folder, kind.kind, lines);
      }
    } catch (error) {
      if (!(error instanceof Trouble || error instanceof NotInside)) throw error;
      gaps.push({ what: kind.kind, why: error.fact });
      if (last !== undefined) files[kind.kind] = last;
    }
  }
  const sieve = files[SIEVE.kind];
  if (sieve !== undefined) scripts.push(...readLines(folder, sieve).map((line) => text(line["file"])));
  return { files, states, scripts, gaps };
}

export interface FirstAnswer {
  readonly kind: Kind;
  readonly using: string;
  /** All objects, or where there is a query only the state. */
  readonly first: Result;
}

/** The first call for each kind that the server offers for an account. */
export function firstCalls(
  client: Client,
  accountId: string,
): readonly { readonly kind: Kind; readonly using: string; readonly call: Call }[] {
  return OTHER_KINDS.flatMap((kind) => {
    const using = offered(client.session, accountId, kind);
    const ids = kind.hasQuery ? [] : null;
    return using === undefined ? [] : [{ kind, using, call: [`${kind.type}/get`, { accountId, ids }] as const }];
  });
}

/** All kinds in one request, and if that fails one by one, so that a kind that breaks the server costs only itself. */
async function firstAnswers(client: Client, accountId: string): Promise<readonly FirstAnswer[]> {
  const kinds = firstCalls(client, accountId);
  const alone = async (call: Call, using: string): Promise<Result> => {
    try {
      return await client.call([using], call, { patienceMs: OPTIONAL_MS });
    } catch (error) {
      if (error instanceof Trouble) return error;
      throw error;
    }
  };
  let results: readonly Result[] = [];
  try {
    if (kinds.length <= client.session.maxCalls)
      results = await client.calls(
        kinds.map(({ using }) => using),
        kinds.map(({ call }) => call),
        { patienceMs: TOGETHER_MS },
      );
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
  }
  const answers: FirstAnswer[] = [];
  for (const [index, { kind, using, call }] of kinds.entries())
    answers.push({ kind, using, first: results[index] ?? (await alone(call, using)) });
  return answers;
}

function inOrder(list: readonly Fields[]): readonly Fields[] {
  return [...list].sort((one, other) => compare(text(one["id"]), text(other["id"])));
}

/** Each script as a file as well; its line has the file's name and hash. */
async function withScripts(
  client: Client,
  accountId: string,
  folder: string,
  scripts: readonly Fields[],
  known: readonly Fields[],
): Promise<readonly Fields[]> {
  const lines: Fields[] = [];
  const places = inside(folder);
  for (const script of scripts) {
    const blobId = text(script["blobId"]);
    // A blob's id stands for its bytes (RFC 8620 section 6), and the name is in the file's.
    const same = known.find((line) => line["blobId"] === blobId && line["name"] === script["name"]);
    if (same !== undefined && existsSync(places.partPlace("scripts", text(same["file"])))) {
      lines.push({ ...script, file: same["file"], sha256: same["sha256"] });
      continue;
    }
    const content = await client.download(accountId, blobId, "application/sieve", (body) =>
      readText("download of a script", body),
    );
    const sha256 = nodeCrypto().createHash("sha256").update(content).digest("hex");
    const file = `scripts/${fileName(text(script["name"], "script"))}.${sha256.slice(0, HASH_IN_NAME)}.sieve`;
    const target = places.partPlace("scripts", file);
    if (!existsSync(target)) writeDurably(target, content, SECRET_MODE);
    lines.push({ ...script, file, sha256 });
  }
  return lines;
}
