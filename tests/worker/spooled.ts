import { runEmailWorker } from "../../sandbox/edge/worker-runtime";
import { COMPATIBILITY_DATE, DOMAIN, SPOOL } from "./home";
import type { Home } from "./home";

const TO = `root@${DOMAIN}`;
/** When the edge took the first of them; each other one came a second later. */
export const FIRST_AT = Date.parse("2026-01-02T03:04:05.000Z");
export const INTERVAL_MS = 1_000;
const AT_ONCE = 100;

/** Puts messages into the bucket as the Worker does: inside workerd, because it is quicker there than through its door. */
const SEEDER = /* js */ `
export default {
  async scheduled({ cron }, { SPOOL }) {
    const count = Number(cron);
    for (let first = 0; first < count; first += ${AT_ONCE})
      await Promise.all(Array.from({ length: Math.min(${AT_ONCE}, count - first) }, (_, index) => put(SPOOL, first + index)));
  },
};
function put(bucket, id) {
  const receivedAt = new Date(${FIRST_AT} + id * ${INTERVAL_MS}).toISOString();
  const head = "Return-Path: <a@remote.example>\\r\\nDelivered-To: ${TO}\\r\\nX-Original-To: ${TO}\\r\\n";
  const name = "spool/" + receivedAt + "-" + String(id).padStart(8, "0") + ".eml";
  return bucket.put(name, head + "Message-ID: <" + id + "@remote.example>\\r\\n\\r\\nbody\\r\\n", {
    customMetadata: { version: "1", from: "a@remote.example", to: "${TO}", receivedAt, start: String(head.length) },
  });
}`;

/** Leaves that many spooled messages in the folder of a bucket; their ids count from 0. */
export async function seedSpool(r2Folder: string, count: number): Promise<void> {
  const seeder = runEmailWorker({
    script: SEEDER,
    bindings: [SPOOL],
    compatibilityDate: COMPATIBILITY_DATE,
    outbound: () => Promise.reject(new Error("nothing is out there")),
    r2Folder,
  });
  try {
    const { outcome, error } = await seeder.scheduled(String(count));
    if (outcome !== "ok") throw new Error(`the spool was not filled: ${error ?? "no reason"}`);
  } finally {
    await seeder.dispose();
  }
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
