import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { HostFile } from "../../infra/host/file";
import { pack } from "../../infra/host/ship/pack";
import { domainScript, leaveCommand } from "../../infra/host/ship/script";
import { filesOf } from "../../onhost/src/deployment";
import { describeWith } from "../needs";

import { install } from "./ssh/files";
import { startHost, type TestHost } from "./ssh/host";
import { SSHD, SSHD_INSTALL } from "./ssh/sshd";
import { tree } from "./ssh/tree";

const DOMAIN = "second.example";
const PATHS = filesOf(DOMAIN);
const PASSWORD = "the-first-password-7";

/** Calls of a program at which a run is killed; a whole run has some 40. */
const KILLS = [2, 6, 10, 14, 18, 22, 26, 30];

function files(plan = "first"): readonly HostFile[] {
  const file = (path: string, content: string, mode: HostFile["mode"]): HostFile => ({
    path,
    content,
    mode,
    why: "for the test",
    restarts: [],
  });
  return [
    file(PATHS.plan, `{"object":"Domain","value":"${plan}"}\n`, "0600"),
    file(PATHS.deployment, `{"domain":"${DOMAIN}"}\n`, "0644"),
    file(PATHS.accountPassword, PASSWORD, "0600"),
  ];
}

function script(plan?: string): string {
  const options = { folder: "apps", domain: DOMAIN, hostStack: "prod", secrets: [PASSWORD] };
  return domainScript(pack(files(plan)), options);
}

describeWith(SSHD, SSHD_INSTALL)("a further domain over OpenSSH", () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await startHost({ counted: true });
  });
  afterAll(() => host.close());

  const applied = () =>
    host
      .calls()
      .filter((call) => call.includes("apply --file"))
      .map((call) => call.split(" ").at(-1));
  /** Of the host's own files, not of the domain's. */
  const others = () => tree(host.apps).filter((line) => !line.includes(DOMAIN));

  it("is refused where there is no mail server, and the host's stack is named", async () => {
    const { code, stderr } = await host.run(script());
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /There is no mail server in .*\n.*\npulumi up --stack prod; then: pulumi up/,
      ) as unknown,
    });
    expect(existsSync(join(host.apps, PATHS.plan))).toBe(false);
  });

  it("gets its files and its plan, and nothing of the host changes; the second time nothing happens", async () => {
    expect(await host.run(install())).toMatchObject({ code: 0 });
    const before = others();
    host.calls();
    expect(await host.run(script())).toEqual({ code: 0, stdout: "installed 3\n", stderr: "" });
    expect(applied()).toEqual([`/plan/${DOMAIN}.ndjson`, "/plan/reload.ndjson"]);
    expect(others()).toEqual(before);
    expect(await host.run(script())).toEqual({ code: 0, stdout: "installed 0\n", stderr: "" });
    expect(applied()).toEqual([]);
  });

  it("is left alone by the host's own run", async () => {
    expect(await host.run(install({ "stalwart/secrets/odd": "new" }))).toMatchObject({ code: 0 });
    for (const path of Object.values(PATHS))
      expect({ path, there: existsSync(join(host.apps, path)) }).toEqual({ path, there: true });
  });

  it("tells a failure without its secrets, and takes it up again", async () => {
    host.trouble(`refuse stalwart-cli apply --file _plan_${DOMAIN}.ndjson`, `cannot use ${PASSWORD}\n`);
    const { code, stdout, stderr } = await host.run(script("second"));
    expect({ code, leaked: (stdout + stderr).includes(PASSWORD) }).toEqual({ code: 1, leaked: false });
    expect(stderr).toContain(`Stalwart refuses ${DOMAIN}.ndjson: cannot use [secret]`);
    host.trouble(`refuse stalwart-cli apply --file _plan_${DOMAIN}.ndjson`, undefined);
    host.calls();
    expect(await host.run(script("second"))).toMatchObject({ code: 0 });
    expect(applied()).toHaveLength(2);
  });

  it("may be killed at any point: the next run ends in the same state", async () => {
    for (const at of KILLS) {
      const plan = `killed at ${at}`;
      writeFileSync(join(host.home, "kill-at"), `${at} before alone\n`);
      const { code } = await host.run(script(plan));
      rmSync(join(host.home, "kill-at"));
      expect({ at, killed: code !== 0 }).toEqual({ at, killed: true });
      expect(await host.run(script(plan))).toMatchObject({ code: 0 });
      expect(readFileSync(join(host.apps, PATHS.plan), "utf8")).toContain(plan);
      expect(tree(host.apps).filter((line) => /staging|new$/.test(line))).toEqual([]);
    }
  });

  it("leaves with its files, and the host's stay", async () => {
    const before = others();
    expect(await host.run("", leaveCommand("apps", Object.values(PATHS)))).toMatchObject({ code: 0 });
    for (const path of Object.values(PATHS))
      expect({ path, there: existsSync(join(host.apps, path)) }).toEqual({ path, there: false });
    expect(others()).toEqual(before);
  });
});
