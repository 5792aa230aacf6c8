import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ENGINE_VERSION } from "../../sandbox/engine/find";

test("the engine that is built is the one that the workflows install", () => {
  const pinned = readFileSync(join(__dirname, "..", "..", "tools", "pulumi", "go.mod"), "utf8");
  for (const module of ["pkg", "sdk"])
    expect(pinned).toContain(`github.com/pulumi/pulumi/${module}/v3 v${ENGINE_VERSION} `);
});

test("none is downloaded: no published checksum of it could be pinned", () => {
  const source = readFileSync(join(__dirname, "..", "..", "sandbox", "engine", "find.ts"), "utf8");
  expect(source).not.toMatch(/PulumiCommand\.install|fetch\(/);
});
