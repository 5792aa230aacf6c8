/**
 * How much memory the Worker's core takes for the largest message, which comes as a stream of "bytes" or "chunks" (first
 * argument): prints one JSON line. In a process of its own, because
 * the peak of resident memory is counted for a process; the world around the core holds no copy of the message here.
 */
import { NOBODY_SAYS } from "../../worker/src/arrivals";
import type { Home } from "../../worker/src/attempt";
import { deliver } from "../../worker/src/deliver";
import type { SpoolBucket } from "../../worker/src/env";
import { NO_LEDGER } from "../../worker/src/ledger";
import { TransientError } from "../../worker/src/transient";
import { systemClock } from "../../worker/src/clock";

const SIZE_BYTES = Math.floor(24.9 * 1024 * 1024);
const CHUNK_BYTES = 64 * 1024;
const KIB_PER_MIB = 1024;
const SAMPLE_MS = 1;

let peak = 0;

/** The kernel's own peak of a process begins with that of its parent, so resident memory is sampled. */
function sample(): void {
  peak = Math.max(peak, process.memoryUsage.rss());
}

async function main(): Promise<void> {
  // Code is compiled and caches are filled by a small one.
  await once(CHUNK_BYTES);
  const before = process.memoryUsage.rss();
  const sampler = setInterval(sample, SAMPLE_MS);
  const outcomes = [await once(SIZE_BYTES)];
  clearInterval(sampler);
  const growthMiB = (peak - before) / KIB_PER_MIB ** 2;
  process.stdout.write(`${JSON.stringify({ outcomes, sizeMiB: SIZE_BYTES / KIB_PER_MIB ** 2, growthMiB })}\n`);
}

/** Home takes the upload and fails the import, so that the message goes through every hand: hash, upload, spool. */
async function once(size: number): Promise<string> {
  let uploaded = 0;
  let spooled = 0;
  const home: Home = {
    find: () => Promise.resolve("c"),
    upload: (message) => {
      sample();
      return Promise.resolve(String((uploaded = message.byteLength)));
    },
    inbox: () => Promise.resolve("a"),
    import: () => Promise.reject(new TransientError("import: serverUnavailable", "message")),
    arrived: NOBODY_SAYS,
    forget: () => false,
  };
  const bucket: Pick<SpoolBucket, "put"> = {
    put: (key, value) => {
      if (!(value instanceof Uint8Array)) throw new Error("a message is put as bytes");
      spooled = value.length;
      sample();
      return Promise.resolve({ key, etag: "1", size: spooled, uploaded: new Date(0) });
    },
  };
  const incoming = { from: "", to: "me@example.org", rawSize: size, raw: stream(size) };
  const surroundings = { home, ledger: NO_LEDGER, bucket: bucket as SpoolBucket, clock: systemClock };
  const progress = { key: undefined, steps: {} };
  const { kind } = await deliver(incoming, { mailDomain: "example.org", catchAll: undefined }, surroundings, progress);
  if (uploaded < size || spooled !== uploaded) throw new Error(`uploaded ${uploaded}, spooled ${spooled} of ${size}`);
  return kind;
}

/** The same chunk again and again: what the edge holds is not the Worker's. */
function stream(size: number): ReadableStream<Uint8Array> {
  const chunk = new Uint8Array(CHUNK_BYTES).fill(65);
  let left = size;
  const next = (length: number) => {
    const part = chunk.subarray(0, Math.min(left, CHUNK_BYTES, length));
    left -= part.byteLength;
    return part;
  };
  if (process.argv[2] === "chunks")
    return new ReadableStream({
      pull: (controller) => (left === 0 ? controller.close() : controller.enqueue(next(CHUNK_BYTES))),
    });
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const view = controller.byobRequest?.view;
      if (!(view instanceof Uint8Array)) throw new Error("the reader brings no buffer");
      if (left === 0) controller.close();
      const part = next(view.byteLength);
      view.set(part);
      controller.byobRequest?.respond(part.byteLength);
    },
  });
}

void main();
