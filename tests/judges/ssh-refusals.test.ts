import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { keyScript, retireScript } from "../../infra/host/ship/script";
import { describeWith } from "../needs";

import { deployment, install, scriptOf } from "./ssh/files";
import { startHost, type TestHost } from "./ssh/host";
import { NOTHING, refused } from "./ssh/refused";
import { makeKey, SSHD, SSHD_INSTALL } from "./ssh/sshd";
import { tree, untouched } from "./ssh/tree";

describeWith(SSHD, SSHD_INSTALL)("a run that cannot be", () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host.close());
  beforeEach(() => host.wipe());

  const folder = (path: string) => mkdirSync(join(host.apps, path), { recursive: true });
  const write = (path: string, content: string) => writeFileSync(join(host.apps, path), content);

  async function shipped(): Promise<void> {
    expect(await host.run(install())).toMatchObject({ code: 0, stderr: "" });
  }

  /** What a refusal must leave as it was: all but the run's own staging. */
  const installed = () => untouched(host.apps).filter((line) => !/^mail-stack( |\/staging)/.test(line));

  it("because the host has another key: no command is sent", async () => {
    const other = makeKey(join(mkdtempSync(join(host.home, "key-")), "other"));
    const { code, stderr } = await host.run(install(), "bash -s", { hostKey: other });
    expect(code).toBe(255);
    expect(stderr).toMatch(/Host key verification failed/);
    expect(existsSync(host.apps)).toBe(false);
  });

  it("because the user's key is not known", async () => {
    const file = join(mkdtempSync(join(host.home, "key-")), "other");
    makeKey(file);
    const { code, stderr } = await host.run(install(), "bash -s", { userKey: readFileSync(file, "utf8") });
    expect(code).toBe(255);
    expect(stderr).toMatch(/Permission denied \(publickey\)/);
    expect(existsSync(host.apps)).toBe(false);
  });

  it("because docker is not installed", async () => {
    const docker = join(host.programs, "docker");
    renameSync(docker, `${docker}.away`);
    // A machine that tests may have a docker of its own.
    const others =
      "for folder in ${PATH//:/ }; do ln -s $folder/* ~/bin/ 2>/dev/null; done; rm -f ~/bin/docker; PATH=~/bin exec bash -s";
    mkdirSync(join(host.home, "bin"));
    try {
      refused(
        await host.run(install(), others),
        /^docker is not installed on this host/,
        "Nothing was changed.",
        /apt-get install docker/,
      );
    } finally {
      renameSync(`${docker}.away`, docker);
    }
    expect(existsSync(host.apps)).toBe(false);
  });

  it("because docker's compose is too old", async () => {
    host.trouble("version", "v2.23.3");
    refused(
      await host.run(install()),
      /compose on this host is v2\.23\.3; 2\.24/,
      "Nothing was changed.",
      /--only-upgrade/,
    );
  });

  it.each(["docker 28", "docker 26"])("because the user may not use %s", async (version) => {
    if (version === "docker 26") host.trouble("docker-26", "");
    host.trouble("no-daemon", "permission denied while trying to connect to the Docker daemon socket\n");
    for (const script of [install(), keyScript("apps", 1, "172.30.25.20"), retireScript("apps", 1)])
      refused(
        await host.run(script),
        /cannot use docker on this host: permission denied/,
        "Nothing was changed.",
        /usermod -aG docker/,
      );
  });

  it("because compose refuses its file: the old one stays, and its containers run", async () => {
    await shipped();
    const before = installed();
    const [files, compose] = [deployment({ "stalwart/config.json": "{}\n" }), "mail-stack/compose.yaml"];
    const broken = files.map((file) =>
      file.path === compose ? { ...file, content: file.content.replace("image: stalwart", "imgae: stalwart") } : file,
    );
    refused(
      await host.run(scriptOf(broken)),
      /refuses the new compose\.yaml: [^]*(imgae|neither an image)/,
      NOTHING,
      /docker compose version/,
    );
    expect(installed()).toEqual(before);
    expect(host.container("stalwart")).toMatchObject({ starts: 2, running: true });
  });

  it("because images cannot be fetched: what runs goes on", async () => {
    await shipped();
    host.trouble("no-images", "Error response from daemon: lookup failed\n");
    refused(
      await host.run(install({ "traefik/traefik.yaml": "new\n" })),
      /Not every image .*lookup failed/,
      "old containers are running",
      /pull; then: pulumi up/,
    );
    expect(host.container("traefik")).toMatchObject({ starts: 1, running: true });
    host.trouble("no-images", undefined);
    expect(await host.run(install({ "traefik/traefik.yaml": "new\n" }))).toMatchObject({ code: 0 });
    expect(host.container("traefik")).toMatchObject({ starts: 2, running: true });
  });

  it("because a service does not become healthy", async () => {
    host.trouble("unhealthy", "dependency failed to start: container stalwart is unhealthy\n");
    refused(
      await host.run(install()),
      /Not every service became healthy in 300 s: .*stalwart is unhealthy/,
      "The new files are installed",
      /logs --tail 50/,
    );
    host.trouble("unhealthy", undefined);
    await shipped();
  });

  it.each([
    ["stalwart-cli apply --file /plan/plan.ndjson", /Stalwart refuses plan\.ndjson: .*why/],
    ["stalwart-cli apply --file /plan/reload.ndjson", /Stalwart refuses reload\.ndjson: .*why/],
    ["onhost passwords", /Passwords could not be set: .*why/],
    ["onhost signatures", /A former DKIM signature stays: .*why/],
    ["onhost verify", /is not as planned: .*why/],
  ])("because of %s, and the next run does it again", async (call, fact) => {
    host.trouble(`refuse ${call}`, "this is why\n");
    refused(await host.run(install()), fact, "settings are between", /logs --tail 50 stalwart/);
    host.trouble(`refuse ${call}`, undefined);
    host.calls();
    await shipped();
    expect(host.calls().filter((line) => line.endsWith("apply --file /plan/plan.ndjson"))).toHaveLength(1);
  });

  it("because a key cannot be minted: nothing of it is printed", async () => {
    await shipped();
    host.trouble("refuse onhost key 1", "Stalwart says no\n");
    refused(
      await host.run(keyScript("apps", 1, "172.30.25.20")),
      /no key number 1 for the Worker at 172\.30\.25\.20: Stalwart says no/,
      "Worker was left",
      /pulumi up/,
    );
    host.trouble("refuse onhost retire 2", "Stalwart says no\n");
    refused(
      await host.run(retireScript("apps", 2)),
      /before number 2 could not be withdrawn: Stalwart says no/,
      "still work",
      /pulumi up/,
    );
  });

  it("because somebody else's file is in the way", async () => {
    folder("traefik");
    write("traefik/traefik.yaml", "theirs\n");
    refused(
      await host.run(install()),
      /were not installed from here: \S+\/apps\/traefik\/traefik\.yaml\./,
      NOTHING,
      /mv FILE/,
    );
    expect(tree(join(host.apps, "traefik"))).toHaveLength(1);
    expect(existsSync(join(host.apps, "stalwart"))).toBe(false);
    // With the same content it is as good as ours.
    write("traefik/traefik.yaml", "entryPoints: {}\n");
    await shipped();
  });

  it.each(["traefik", "traefik/dynamic", "mail-stack", "stalwart/plan"])(
    "because %s is a link to elsewhere",
    async (name) => {
      const elsewhere = join(host.home, "elsewhere");
      mkdirSync(elsewhere);
      folder(join(name, ".."));
      symlinkSync(elsewhere, join(host.apps, name));
      refused(
        await host.run(install()),
        new RegExp(`apps/${name} is a symbolic link to ${elsewhere}`),
        NOTHING,
        /real folder/,
      );
      expect(tree(elsewhere)).toEqual([]);
    },
  );

  it("also when a file that is to be removed lies behind a link now", async () => {
    expect(await host.run(install({ "more/serve.json": "{}\n" }))).toMatchObject({ code: 0 });
    const elsewhere = join(host.home, "elsewhere");
    renameSync(join(host.apps, "more"), elsewhere);
    symlinkSync(elsewhere, join(host.apps, "more"));
    refused(await host.run(install()), /more is a symbolic link/, NOTHING, /real folder/);
    expect(tree(elsewhere)).toHaveLength(1);
  });

  it("but data may lie on another disk", async () => {
    const disk = join(host.home, "disk");
    mkdirSync(disk);
    folder("stalwart");
    symlinkSync(disk, join(host.apps, "stalwart/data"));
    await shipped();
  });

  it.each(["../outside", "/etc/passwd", "stalwart/../../outside", "stalwart//x", "outside"])(
    "because the list of installed files was tampered with: %s",
    async (line) => {
      await shipped();
      writeFileSync(join(host.home, "outside"), "precious");
      write("mail-stack/installed", `stalwart/config.json\n${line}\n`);
      refused(await host.run(install()), /no path that was installed/, NOTHING, /Take that line out/);
      expect(readFileSync(join(host.home, "outside"), "utf8")).toBe("precious");
    },
  );

  it.each([
    ["0.17.0", "0.16.18", /0\.17\.0 has written the data, and 0\.16\.18 is older/],
    ["0.16.19", "0.16.18", /is older/],
    ["1.0.0", "0.16.18", /is older/],
    ["0.15.5", "0.16.18", /from before 0\.16/],
    ["0.16.18", "0.18.0", /more than one minor version ahead/],
    ["0.16.18", "1.0.0", /more than one minor version ahead/],
    ["latest", "0.16.18", /holds no version/],
  ])("because Stalwart %s has written the data and %s would run", async (ran, wanted, fact) => {
    folder("stalwart");
    write("stalwart/version", `${ran}\n`);
    refused(await host.run(install({}, wanted)), fact, NOTHING, /./);
    expect(tree(join(host.apps, "stalwart"))).toHaveLength(1);
  });

  it("because there is data of a version that nobody knows", async () => {
    folder("stalwart/data");
    write("stalwart/data/CURRENT", "x");
    refused(await host.run(install()), /version is missing/, NOTHING, /echo 0\.16\.18/);
    write("stalwart/version", "0.16.18\n");
    await shipped();
  });

  it("because the containers belong to another folder", async () => {
    await shipped();
    const other = install().replace("readonly apps_folder='apps'", "readonly apps_folder='other'");
    refused(
      await host.run(other),
      /belong to \S+\/apps\/mail-stack, and not to \S+\/other\/mail-stack/,
      "would seem to be gone",
      /mv /,
    );
    expect(existsSync(join(host.home, "other/stalwart"))).toBe(false);
  });
});
