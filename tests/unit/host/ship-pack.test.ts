import { execFileSync, spawnSync } from "node:child_process";

import fc from "fast-check";

import type { HostFile } from "../../../infra/host/file";
import { pack } from "../../../infra/host/ship/pack";
import { quoted } from "../../../infra/formats/shell";
import { tar } from "../../../infra/host/ship/tar";
import { temporaryFolder } from "../../../sandbox/temporary";

function file(path: string, content = `of ${path}\n`, mode: HostFile["mode"] = "0644"): HostFile {
  return { path, content, mode, why: "for the test", restarts: [] };
}

const FILES = [
  file("stalwart/config.json", '{"a":"ä"}\n'),
  file("stalwart/secrets/key", "s".repeat(512), "0600"),
  file("onhost/run", "", "0755"),
  file(`traefik/${"long/".repeat(18)}x`, "x".repeat(1025)),
];

describe("the archive of the host's files", () => {
  it("is what tar unpacks with the same contents and modes, without owner and time", () => {
    const { archive } = pack(FILES);
    const listing = execFileSync("tar", ["-tvf", "-", "--numeric-owner", "--utc"], {
      input: archive,
      encoding: "utf8",
    });
    expect(
      listing
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/ +/g, " ")),
    ).toEqual([
      "-rwxr-xr-x 0/0 0 1970-01-01 00:00 onhost/run",
      "-rw-r--r-- 0/0 11 1970-01-01 00:00 stalwart/config.json",
      "-rw------- 0/0 512 1970-01-01 00:00 stalwart/secrets/key",
      `-rw-r--r-- 0/0 1025 1970-01-01 00:00 traefik/${"long/".repeat(18)}x`,
    ]);
    const folder = temporaryFolder();
    execFileSync("tar", ["-xf", "-", "-C", folder.path], { input: archive });
    for (const { path, content } of FILES)
      expect(execFileSync("cat", [`${folder.path}/${path}`], { encoding: "utf8" })).toBe(content);
    folder.remove();
  });

  it("is the same in whatever order the files come, and another one for any change", () => {
    const { sha256 } = pack(FILES);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(pack([...FILES].reverse())).toEqual(pack(FILES));
    const [first = file("a/b"), ...rest] = FILES;
    const changed: HostFile[] = [
      { ...first, content: `${first.content} ` },
      { ...first, mode: "0600" },
      { ...first, path: "stalwart/config.jsom" },
    ];
    expect(new Set([sha256, ...changed.map((other) => pack([other, ...rest]).sha256)]).size).toBe(4);
    expect(pack([{ ...first, why: "another reason", restarts: ["stalwart"] }, ...rest]).sha256).toBe(sha256);
  });

  it.each([
    ["../outside", "plain names"],
    ["/etc/passwd", "plain names"],
    ["stalwart/../../outside", "plain names"],
    ["stalwart/./x", "plain names"],
    ["stalwart//x", "plain names"],
    ["stalwart/x\ny", "plain names"],
    ["stalwart/$(id)", "plain names"],
    ["-rf/x", "plain names"],
    ["top-level", "plain names"],
    ["stalwart/config.json", "twice"],
    ["stalwart/config.json/x", "below another file"],
    ["stalwart/data/x", "container writes"],
    ["traefik/acme/acme.json", "container writes"],
    ["stalwart/version", "kept by the host"],
    ["mail-stack/.env", "kept by the host"],
    ["mail-stack/staging/x", "kept by the host"],
    ["stalwart/secrets/recovery-admin.env", "kept by the host"],
  ])("refuses %j: %s", (path, reason) => {
    expect(() => pack([...FILES, file(path)])).toThrow(new RegExp(`^The host's file .* ${reason}|${reason}`));
  });

  it("refuses a name that a tar header cannot hold", () => {
    expect(() => tar([{ path: "x".repeat(101), content: Buffer.alloc(0), mode: 0o644 }])).toThrow(
      "longer than 100 bytes",
    );
  });
});

describe("a quoted word", () => {
  it("is read back by bash as it was", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: "binary" }).filter((text) => !text.includes("\0")),
          { maxLength: 20 },
        ),
        (words) => {
          const script = `printf '%s\\0' ${words.map(quoted).join(" ")}`;
          const { stdout } = spawnSync("bash", ["-c", script], { encoding: "utf8", env: { LC_ALL: "C" } });
          expect(stdout).toBe(words.length === 0 ? "\0" : words.map((word) => `${word}\0`).join(""));
        },
      ),
      { numRuns: 50 },
    );
  });

  it("cannot hold NUL", () => {
    expect(() => quoted("a\0b")).toThrow("NUL");
  });
});
