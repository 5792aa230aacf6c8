import { readFileSync } from "node:fs";
import { join } from "node:path";

import { satisfies } from "semver";

import { dependencies, devDependencies } from "../../../package.json";
import { customManagers, packageRules } from "../../../renovate.json";
import { imageReference, IMAGES } from "../../../infra/host/images";
import { ENGINE_VERSION } from "../../../sandbox/engine/find";

const ROOT = join(__dirname, "..", "..", "..");
const PINNED: Readonly<Record<string, string>> = { ...dependencies, ...devDependencies };

/** What Renovate's manager finds in a text: the named groups of each match. */
function found(index: number, text: string): readonly Record<string, string>[] {
  const [pattern = ""] = customManagers[index]?.matchStrings ?? [];
  return [...text.matchAll(new RegExp(pattern, "g"))].map(({ groups }) => ({ ...groups }));
}

function allowed(name: string): string {
  const rule = packageRules.find((each) => each.matchPackageNames?.includes(name));
  return rule !== undefined && "allowedVersions" in rule ? (rule.allowedVersions ?? "") : "";
}

describe("renovate.json", () => {
  it("finds every container image, with tag and digest", () => {
    const source = readFileSync(join(ROOT, "infra", "host", "images.ts"), "utf8");
    const images = found(0, source).map(
      ({ depName = "", currentValue = "", currentDigest = "" }) => `${depName}:${currentValue}@${currentDigest}`,
    );
    expect(images).toEqual(Object.values(IMAGES).map(imageReference));
    expect(customManagers[0]?.managerFilePatterns).toEqual(["/^infra/host/images\\.ts$/"]);
  });

  it("finds the engine of each workflow that installs one", () => {
    for (const name of ["preview", "up", "drift"])
      expect(found(1, readFileSync(join(ROOT, ".github", "workflows", `${name}.yml`), "utf8"))).toEqual([
        { currentValue: ENGINE_VERSION },
      ]);
  });

  it.each([
    ["@pulumi/command", ["4.5.0", "1.3.0", "1.2.0"]],
    ["typescript", ["7.0.2", "8.0.0"]],
  ])("keeps %s where it is pinned", (name, refused) => {
    const pinned = PINNED[name] ?? "";
    expect(pinned).toMatch(/^\d+\.\d+\.\d+$/);
    expect(satisfies(pinned, allowed(name))).toBe(true);
    for (const version of refused) expect([version, satisfies(version, allowed(name))]).toEqual([version, false]);
  });

  it("keeps Node, program and image, on one long-term line", () => {
    const line = new RegExp(allowed("node").slice(1, -1));
    for (const version of [PINNED["node"] ?? "", IMAGES.node.tag]) expect(version).toMatch(line);
    expect("25.1.0").not.toMatch(line);
    expect("240.1.0").not.toMatch(line);
  });

  it("raises Stalwart only when a person asks", () => {
    const rule = packageRules.find((each) => each.matchPackageNames?.includes(IMAGES.stalwart.repository));
    expect(rule).toMatchObject({ dependencyDashboardApproval: true });
    expect(rule?.matchPackageNames).toContain(IMAGES["stalwart-cli"].repository);
  });

  it("names no package that is not used", () => {
    const used = [
      ...Object.keys(PINNED),
      ...Object.values(IMAGES).map(({ repository }) => repository),
      "pulumi/pulumi",
    ];
    for (const name of packageRules.flatMap((rule) => rule.matchPackageNames ?? [])) {
      const prefix = name.replace(/\*\*$/, "");
      expect([name, used.some((each) => (name.endsWith("**") ? each.startsWith(prefix) : each === name))]).toEqual([
        name,
        true,
      ]);
    }
  });
});
