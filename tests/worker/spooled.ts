import { createHash } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { runEmailWorker } from "../../sandbox/edge/worker-runtime";
import { COMPATIBILITY_DATE, DOMAIN, SPOOL } from "./home";
import type { Home } from "./home";

const TO = `root@${DOMAIN}`;
/** When the edge took the first of them; each other one came a second later. */
export const FIRST_AT = Date.parse("2026-01-02T03:04:05.000Z");
export const INTERVAL_MS = 1_000;

/** The first message is put through workerd, which makes the bucket's tables and folders as its version wants them. */
const SEEDER = /* js */ `
export default {
  async scheduled({ cron }, { SPOOL }) {
    const { key, text, customMetadata } = JSON.parse(cron);
    await SPOOL.put(key, text, { customMetadata });
  },
};`;

/**
 * Leaves that many spooled messages in the folder of a bucket, as the Worker puts them; their ids count from 0. All but the
 * first are written into the simulator's files: putting 10,000 takes it minutes.
 */
export async function seedSpool(r2Folder: string, count: number): Promise<void> {
  const seeder = runEmailWorker({
    script: SEEDER,
    bindings: [SPOOL],
    compatibilityDate: COMPATIBILITY_DATE,
    outbound: () => Promise.reject(new Error("nothing is out there")),
    r2Folder,
  });
  try {
    const { outcome, error } = await seeder.scheduled(JSON.stringify(seed(0)));
    if (outcome !== "ok") throw new Error(`the spool was not filled: ${error ?? "no reason"}`);
  } finally {
    await seeder.dispose();
  }
  const blobs = join(r2Folder, SPOOL.bucketName, "blobs");
  const [blob = ""] = readdirSync(blobs);
  const database = openBucket(join(r2Folder, "miniflare-R2BucketObject"));
  const insert = database.prepare("INSERT INTO _mf_objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  database.exec("BEGIN");
  for (let id = 1; id < count; id++) {
    const { key, text, customMetadata } = seed(id);
    const name = `${id.toString(16).padStart(16, "0")}${blob.slice(16)}`;
    const etag = createHash("md5").update(text).digest("hex");
    writeFileSync(join(blobs, name), text);
    insert.run(key, name, etag, text.length, etag, Date.now(), "{}", "{}", JSON.stringify(customMetadata));
  }
  database.exec("COMMIT");
  database.close();
}

/** Bytes of the message of that id. */
export function seededSize(id: number): number {
  return seed(id).text.length;
}

function seed(id: number) {
  const receivedAt = new Date(FIRST_AT + id * INTERVAL_MS).toISOString();
  const head = `Return-Path: <a@remote.example>\r\nDelivered-To: ${TO}\r\nX-Original-To: ${TO}\r\n`;
  return {
    key: `spool/${receivedAt}-${String(id).padStart(8, "0")}.eml`,
    text: `${head}Message-ID: <${id}@remote.example>\r\n\r\nbody\r\n`,
    customMetadata: { version: "1", from: "a@remote.example", to: TO, receivedAt, start: String(head.length) },
  };
}

/** The simulator's table of objects; the other files there are no bucket. */
function openBucket(folder: string): DatabaseSync {
  const [file, ...others] = readdirSync(folder).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  if (file === undefined || others.length > 0) throw new Error("the simulator keeps its buckets in another way now");
  return new DatabaseSync(join(folder, file));
}

/** The ids of the seeded messages in the mailbox, in the order in which they came. */
export function arrivedIds(home: Home): readonly number[] {
  return home.server.mailbox(TO).map(({ raw }) => Number(/^Message-ID: <(\d+)@/m.exec(raw.toString("latin1"))?.[1]));
}

/** The line of a run of the drain. */
export interface SpoolReport {
  readonly waiting: number;
  readonly bytes: number;
  readonly oldestSeconds: number;
  readonly delivered: number;
  readonly duplicates: number;
  readonly failed: number;
  readonly stopped?: string;
  readonly requests: number;
  readonly operations: number;
  readonly alert: string;
  readonly durationMs: number;
}

/** @param logs of a run, which writes one line */
export function spoolReport(logs: readonly string[]): SpoolReport {
  if (logs.length !== 1) throw new Error(`a run wrote ${logs.length} lines`);
  return JSON.parse(logs[0] ?? "") as SpoolReport;
}
