import { tmpdir } from "node:os";
import { bundleWorker, startBundle } from "../../infra/edge/bundle";
import type { WorkerEntry } from "../../infra/edge/bundle";

describe.each<WorkerEntry>(["inbound", "public"])("%s", (entry) => {
  test("is the same wherever it is built", () => {
    const here = process.cwd();
    const first = bundleWorker(entry);
    process.chdir(tmpdir());
    try {
      expect(bundleWorker(entry)).toBe(first);
    } finally {
      process.chdir(here);
    }
  });

  test("is far below what the free plan takes, 3 MB compressed", () => {
    expect(bundleWorker(entry).length).toBeLessThan(300_000);
  });

  test("is the same when it is built beside other work", async () => {
    expect(await startBundle(entry)).toBe(bundleWorker(entry));
  });

  test("holds no path of this machine", () => {
    const text = bundleWorker(entry);
    expect(text).not.toContain(process.cwd());
    // The only paths are esbuild's notes of where a part comes from: the Worker, the one grammar of addresses, the XML parser.
    const notes = text.split("\n").filter((line) => /^\/\/ \S+\.[jt]s$/.test(line));
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes)
      expect(note).toMatch(
        /^\/\/ (?:worker\/src\/(?:lmtp\/)?[a-z-]+\.ts|infra\/settings\/mailbox\.ts|node_modules\/\S+\.js)$/,
      );
    expect(text.split("\n").filter((line) => line.includes("node_modules") && !notes.includes(line))).toEqual([]);
    expect(text).not.toMatch(/\bimport\b.*\bfrom\b|\brequire\(/);
  });
});

test("a bundle that fails says which and why", async () => {
  const missing = "missing" as WorkerEntry;
  const sentence =
    'worker/src/missing.ts cannot be bundled, so no Worker can be uploaded. Could not resolve "worker/src/missing.ts"';
  expect(() => bundleWorker(missing)).toThrow(sentence);
  await expect(startBundle(missing)).rejects.toThrow(sentence);
});
