import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

import { describeWith } from "../needs";

import { install } from "./ssh/files";
import { type Ended, startHost, type TestHost } from "./ssh/host";
import { NOTHING, refused } from "./ssh/refused";
import { SSHD, SSHD_INSTALL } from "./ssh/sshd";
import { tree } from "./ssh/tree";

describeWith(SSHD, SSHD_INSTALL)("a full disk", () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host.close());
  beforeEach(() => host.wipe());

  async function shipped(): Promise<void> {
    expect(await host.run(install())).toMatchObject({ code: 0, stderr: "" });
  }

  /** What is installed, without the run's own staging and what fills the disk. */
  const installed = () => tree(host.apps).filter((line) => !/staging|ballast/.test(line));
  const big = { "onhost/onhost.cjs": "x".repeat(300_000) };
  const canMount = userInfo().uid === 0 && mounts();

  /** Whoever may mount takes a small disk; else no file may grow over the limit, which is the same to a program. */
  async function runWithRoomFor(bytes: number): Promise<Ended> {
    if (!canMount)
      return host.run(install(big), `bash -c 'trap "" XFSZ; ulimit -f ${Math.floor(bytes / 1024 / 3)}; exec bash -s'`);
    execFileSync("mount", ["-o", `remount,size=${Math.ceil(bytes / 1024)}k`, host.apps]);
    return host.run(install(big));
  }

  beforeEach(async () => {
    mkdirSync(host.apps);
    if (canMount) execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", host.apps]);
    process.stderr.write(`disk full by ${canMount ? "a small tmpfs" : "ulimit -f"}\n`);
    await shipped();
  });
  afterEach(() => {
    if (canMount) execFileSync("umount", [host.apps]);
  });

  it("ends a run while the files arrive", async () => {
    const before = installed();
    refused(
      await runWithRoomFor(200_000),
      /staging cannot be written: .*(No space left|File too large)/,
      NOTHING,
      /df -h/,
    );
    expect(installed()).toEqual(before);
    expect(await host.run(install(big))).toMatchObject(canMount ? { code: 1 } : { code: 0 });
  });

  if (canMount) {
    it("ends a run while they are installed: what is there is whole, and the next run ends well", async () => {
      const before = installed();
      const ballast = join(host.apps, "ballast");
      host.trouble("fill-disk", ballast);
      refused(
        await host.run(install(big)),
        /onhost\.cjs cannot be written: .*No space left/,
        "others are as they were",
        /df -h/,
      );
      expect(installed()).toEqual(before);
      expect(host.container("stalwart")).toMatchObject({ starts: 2, running: true });
      rmSync(ballast);
      host.trouble("fill-disk", undefined);
      expect(await host.run(install(big))).toMatchObject({ code: 0, stdout: "installed 1, removed 0\n" });
    });
  }
});

function mounts(): boolean {
  const place = mkdtempSync(join(tmpdir(), "mail-stack-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", place], { stdio: "ignore" });
    execFileSync("umount", [place]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(place, { recursive: true });
  }
}
