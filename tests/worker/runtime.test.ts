import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runEmailWorker } from "../../sandbox/edge/worker-runtime";
import type { RunningWorker } from "../../sandbox/edge/worker-runtime";

const SCRIPT = `
export default {
  async email(message, env) {
    await env.SPOOL.put("spool/x", message.raw, { customMetadata: { from: message.from } });
  },
  async scheduled({ cron }, env, ctx) {
    console.log(cron, Date.now());
    ctx.waitUntil(env.SPOOL.put("ran", "again", { onlyIf: { etagDoesNotMatch: "*" } }).then((done) => console.log(done === null)));
    ctx.waitUntil(env.SPOOL.put("headers", "again", { onlyIf: new Headers({ "if-none-match": "*" }) }).then((done) => console.log(done === null)));
  },
};`;
const DAY_MS = 86_400_000;

let folder: string;
let worker: RunningWorker;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "r2-"));
  worker = start();
});

afterEach(async () => {
  await worker.dispose();
  rmSync(folder, { recursive: true });
});

function start(): RunningWorker {
  return runEmailWorker({
    script: SCRIPT,
    bindings: [{ type: "r2_bucket", name: "SPOOL", bucketName: "mail-spool" }],
    compatibilityDate: "2026-07-01",
    outbound: () => Promise.reject(new Error("nothing is out there")),
    r2Folder: folder,
  });
}

test("what one instance puts into a bucket, the next one and Node see", async () => {
  expect(await worker.email({ from: "a", to: "b", raw: Buffer.from("x\0\xff", "latin1") })).toMatchObject({
    outcome: "ok",
  });
  await worker.dispose();
  worker = start();
  const bucket = worker.bucket("SPOOL");
  expect(await bucket.list("spool/")).toEqual(["spool/x"]);
  expect(await bucket.get("spool/x")).toEqual({ bytes: Buffer.from("x\0\xff", "latin1"), metadata: { from: "a" } });
  await bucket.delete("spool/x");
  expect(await bucket.get("spool/x")).toBeUndefined();
});

test("the scheduled handler runs to its end, and its clock can be moved", async () => {
  await worker.advance(DAY_MS);
  const report = await worker.scheduled("1 2 3 4 5");
  expect(report).toMatchObject({ outcome: "ok" });
  const [, time] = /^1 2 3 4 5 (\d+)$/.exec(report.logs[0] ?? "") ?? [];
  expect(Number(time) - Date.now()).toBeGreaterThan(DAY_MS / 2);
  expect(report.logs.slice(1)).toEqual(["false", "false"]);
  expect((await worker.scheduled()).logs.slice(1)).toEqual(["true", "true"]);
});

test("a bucket fails as told, and as often", async () => {
  const deliver = () => worker.email({ from: "", to: "b", raw: Buffer.from("x") });
  const keys = () => worker.bucket("SPOOL").list();
  await worker.breakBucket({ operation: "put", fail: 1, skip: 1, prefix: "spool/" });
  expect(await deliver()).toMatchObject({ outcome: "ok" });
  await worker.bucket("SPOOL").delete("spool/x");
  expect(await deliver()).toMatchObject({
    outcome: "exception",
    error: expect.stringMatching(/^Error: put: /) as string,
  });
  expect(await keys()).toEqual([]);
  await worker.breakBucket({ operation: "put", fail: 1, how: "after" });
  expect(await deliver()).toMatchObject({ outcome: "exception" });
  expect(await keys()).toEqual(["spool/x"]);
  expect(await deliver()).toMatchObject({ outcome: "ok" });
});
