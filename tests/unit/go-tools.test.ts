import { ENGINE_VERSION } from "../../sandbox/engine/find";
import { cachedFolder, GO_TOOLS, type GoToolName, pinnedVersion, toolPath } from "../../tools/go-tool";

describe("programs from Go modules", () => {
  it("are pinned", () => {
    const versions = (Object.keys(GO_TOOLS) as GoToolName[]).map((name) => [name, pinnedVersion(name)]);
    expect(Object.fromEntries(versions)).toEqual({
      pulumi: ENGINE_VERSION,
      compose: "2.40.3",
      traefik: "3.6.0",
      pebble: "2.9.0",
      restic: "0.18.1",
      "rest-server": "0.14.0",
      versitygw: "1.8.0",
      coredns: "1.12.4",
      tailscaled: "1.96.0",
      tailscale: "1.96.0",
      containerboot: "1.96.0",
      headscale: "0.27.1",
      cloudflared: "0.0.0-20260814112252-733bfb939963",
    });
  });

  it("are kept by version, outside the checkout", () => {
    const before = process.env["XDG_CACHE_HOME"];
    process.env["XDG_CACHE_HOME"] = "/cache";
    try {
      expect(cachedFolder("pulumi", "1.2.3")).toBe("/cache/mail-stack/pulumi/1.2.3");
      expect(toolPath("compose")).toBe("/cache/mail-stack/compose/2.40.3/bin/docker-compose");
      expect(toolPath("containerboot")).toBe("/cache/mail-stack/tailscale/1.96.0/bin/containerboot");
    } finally {
      if (before === undefined) delete process.env["XDG_CACHE_HOME"];
      else process.env["XDG_CACHE_HOME"] = before;
    }
  });
});
