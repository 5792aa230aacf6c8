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

  test("is the same when it is built beside other work", async () => {
    expect(await startBundle(entry)).toBe(bundleWorker(entry));
  });

  test("holds no path of this machine", () => {
    const text = bundleWorker(entry);
    expect(text).not.toContain(process.cwd());
    expect(text).not.toContain("node_modules");
    // The only paths are esbuild's notes of where a part comes from.
    const notes = text.split("\n").filter((line) => /^\/\/ .*\.ts$/.test(line));
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) expect(note).toMatch(/^\/\/ worker\/src\/(?:lmtp\/)?[a-z-]+\.ts$/);
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
