import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ENGINE_VERSION } from "../../sandbox/engine/find";
import { temporaryFolder } from "../../sandbox/temporary";
import { downloadModules, moduleFolders } from "../../tools/download";
import { cachedFolder, GO_TOOLS, type GoToolName, pinnedVersion, toolPath } from "../../tools/go-tool";
import { stampOf } from "../../tools/module-cache";
import { describeWith } from "../needs";

const ROOT = join(__dirname, "../..");

describe("programs from Go modules", () => {
  it("are pinned", () => {
    const versions = (Object.keys(GO_TOOLS) as GoToolName[]).map((name) => [name, pinnedVersion(name)]);
    expect(Object.fromEntries(versions)).toEqual({
      pulumi: ENGINE_VERSION,
      compose: "2.40.3",
      traefik: "3.6.0",
      actionlint: "1.7.7",
      pebble: "2.9.0",
      restic: "0.18.1",
      "rest-server": "0.14.0",
      versitygw: "1.8.0",
      coredns: "1.12.4",
      tailscaled: "1.96.0",
      tailscale: "1.96.0",
      containerboot: "1.96.0",
      headscale: "0.27.1",
      cloudflared: "0.0.0-20260713102814-2601f87b5728",
      maddy: "0.8.1",
    });
  });

  it("are kept by version, outside the checkout", () => {
    withCache("/cache", () => {
      expect(cachedFolder("pulumi", "1.2.3")).toBe("/cache/mail-stack/pulumi/1.2.3");
      expect(toolPath("compose")).toBe("/cache/mail-stack/compose/2.40.3/bin/docker-compose");
      expect(toolPath("containerboot")).toBe("/cache/mail-stack/tailscale/1.96.0/bin/containerboot");
    });
  });

  it("are all built by .ci/run, and the modules of those that were built before are downloaded", () => {
    const run = readFileSync(join(ROOT, ".ci/run"), "utf8");
    const built = /^npm run --silent tools -- (.*) >\/dev\/null$/m.exec(run)?.[1]?.split(" ") ?? [];
    // The engine is found by the sandbox, which runs before.
    expect(built.sort()).toEqual(
      Object.keys(GO_TOOLS)
        .filter((name) => name !== "pulumi")
        .sort(),
    );
    expect(run).toMatch(/^node --import tsx tools\/download\.ts$/m);
  });
});

describe("their modules", () => {
  it("are those of every program", () => {
    const folders = Object.values(GO_TOOLS).map((tool) => ("folder" in tool ? tool.folder : undefined));
    const names = (Object.keys(GO_TOOLS) as GoToolName[]).map((name, index) => folders[index] ?? name);
    expect(moduleFolders()).toEqual([...new Set(names)].sort());
  });

  it("are downloaded again when go.mod or go.sum changes", () => {
    const folder = copyOf("actionlint");
    const before = stampOf(folder.path);
    for (const file of ["go.mod", "go.sum"]) {
      const text = readFileSync(join(folder.path, file), "utf8");
      writeFileSync(join(folder.path, file), `${text}\n`);
      expect(stampOf(folder.path)).not.toBe(before);
      writeFileSync(join(folder.path, file), text);
    }
    expect(stampOf(folder.path)).toBe(before);
    folder.remove();
  });

  describeWith("go", "Install Go 1.26 or newer.")("without a proxy that serves them", () => {
    it.each(["actionlint", "pebble"])(
      "fail for %s, whatever this machine has cached, and nothing is remembered",
      (name) => {
        const cache = temporaryFolder();
        const folder = copyOf(name);
        const proxy = process.env["GOPROXY"];
        process.env["GOPROXY"] = "off";
        try {
          withCache(cache.path, () => {
            expect(() => downloadModules(folder.path)).toThrow("module lookup disabled by GOPROXY=off");
            expect(existsSync(stampOf(folder.path))).toBe(false);
          });
        } finally {
          if (proxy === undefined) delete process.env["GOPROXY"];
          else process.env["GOPROXY"] = proxy;
          folder.remove();
          cache.remove();
        }
      },
    );
  });
});

function copyOf(name: string): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  for (const file of ["go.mod", "go.sum"]) copyFileSync(join(ROOT, "tools", name, file), join(folder.path, file));
  return folder;
}

function withCache(path: string, run: () => void): void {
  const before = process.env["XDG_CACHE_HOME"];
  process.env["XDG_CACHE_HOME"] = path;
  try {
    run();
  } finally {
    if (before === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = before;
  }
}
