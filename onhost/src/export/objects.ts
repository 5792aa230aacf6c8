import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import * as path from "node:path";
import type { Client } from "../jmap/client";
import { readText } from "../jmap/http";
import { compare, objects, text, type Fields } from "../jmap/json";
import { listAll } from "../jmap/list";
import { Trouble } from "../jmap/trouble";
import { SECRET_MODE, writeDurably } from "../store";
import { offered, OTHER_KINDS, SIEVE, type Kind } from "./kinds";
import { readLines, writeLines } from "./lines";
import type { AccountEntry, Gap, LinesFile } from "./manifest";
import { fileName } from "./names";

const HASH_IN_NAME = 12;

export interface ExportedObjects {
  readonly files: Readonly<Record<string, LinesFile>>;
  readonly states: Readonly<Record<string, string>>;
  /** Files of scripts, relative to the account's folder. */
  readonly scripts: readonly string[];
  readonly gaps: readonly Gap[];
}

/**
 * Everything but mail. What cannot be read is a gap, and what the last export has of it stays: Cyrus 3.6.1 for one ends
 * the connection when it is asked for a vacation response.
 */
export async function exportObjects(
  client: Client,
  accountId: string,
  folder: string,
  previous: AccountEntry | undefined,
): Promise<ExportedObjects> {
  const files: Record<string, LinesFile> = {};
  const states: Record<string, string> = {};
  const gaps: Gap[] = [];
  const scripts: string[] = [];
  for (const kind of OTHER_KINDS) {
    const using = offered(client.session, accountId, kind);
    if (using === undefined) continue;
    const last = previous?.files[kind.kind];
    try {
      const state = kind.hasQuery ? await stateOf(client, accountId, kind, using) : undefined;
      if (state !== undefined) states[kind.type] = state;
      if (last !== undefined && state !== undefined && previous?.states[kind.type] === state) {
        files[kind.kind] = last;
        continue;
      }
      const list = await listKind(client, accountId, kind, using);
      const lines = kind === SIEVE ? await withScripts(client, accountId, folder, list) : list;
      files[kind.kind] = writeLines(folder, kind.kind, lines);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      gaps.push({ what: kind.kind, why: error.fact });
      if (last !== undefined) files[kind.kind] = last;
    }
  }
  const sieve = files[SIEVE.kind];
  if (sieve !== undefined) scripts.push(...readLines(folder, sieve).map((line) => text(line["file"])));
  return { files, states, scripts, gaps };
}

async function stateOf(client: Client, accountId: string, { type }: Kind, using: string): Promise<string | undefined> {
  const got = await client.call([using], [`${type}/get`, { accountId, ids: [] }]);
  return text(got["state"]) || undefined;
}

async function listKind(client: Client, accountId: string, kind: Kind, using: string): Promise<readonly Fields[]> {
  const { type, hasQuery } = kind;
  const list = hasQuery
    ? (await listAll(client, accountId, { type, using })).list
    : objects((await client.call([using], [`${type}/get`, { accountId, ids: null }]))["list"]);
  return [...list].sort((one, other) => compare(text(one["id"]), text(other["id"])));
}

/** Each script as a file as well; its line has the file's name and hash. */
async function withScripts(
  client: Client,
  accountId: string,
  folder: string,
  scripts: readonly Fields[],
): Promise<readonly Fields[]> {
  const lines: Fields[] = [];
  for (const script of scripts) {
    const blobId = text(script["blobId"]);
    const content = await client.download(accountId, blobId, "application/sieve", (body) =>
      readText("download of a script", body),
    );
    const sha256 = createHash("sha256").update(content).digest("hex");
    const file = `scripts/${fileName(text(script["name"], "script"))}.${sha256.slice(0, HASH_IN_NAME)}.sieve`;
    const target = path.join(folder, file);
    if (!existsSync(target)) writeDurably(target, content, SECRET_MODE);
    lines.push({ ...script, file, sha256 });
  }
  return lines;
}
