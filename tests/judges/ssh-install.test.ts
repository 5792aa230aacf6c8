import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { hostFiles } from "../../infra/host/files";
import { keyScript, retireScript, stopCommand } from "../../infra/host/ship/script";
import { describeWith } from "../needs";
import { augustin } from "../unit/dns/fixtures";

import { install, scriptOf } from "./ssh/files";
import { startHost, type TestHost } from "./ssh/host";
import { SSHD, SSHD_INSTALL } from "./ssh/sshd";
import { tree, untouched } from "./ssh/tree";

const SERVICES = ["stalwart", "traefik", "cloudflared"] as const;
const UP = "up --detach --wait --wait-timeout 300 --remove-orphans --quiet-pull";

describeWith(SSHD, SSHD_INSTALL)("shipping over OpenSSH", () => {
  let host: TestHost;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host.close());

  const starts = () => SERVICES.map((service) => host.container(service)?.starts);
  const read = (path: string) => readFileSync(join(host.apps, path), "utf8");
  /** Calls of compose without where its file lies. */
  const composeCalls = () =>
    host
      .calls()
      .filter((call) => call.startsWith("compose"))
      .map((call) => call.replaceAll(host.apps, "~"));

  async function ship(changes: Readonly<Record<string, string | undefined>> = {}, version?: string): Promise<void> {
    expect(await host.run(install(changes, version))).toMatchObject({ code: 0, stderr: "" });
  }

  it("installs everything on an empty machine and starts it", async () => {
    expect(await host.run(install())).toEqual({ code: 0, stdout: "installed 9, removed 0\n", stderr: "" });
    expect(tree(host.apps).map((line) => line.replace(/ [0-9a-f]{12}$/, ""))).toEqual([
      "0755 arrivals/",
      "0700 arrivals/keys/",
      "0755 cloudflared/",
      "0600 cloudflared/tunnel.env",
      "0755 mail-stack/",
      "0644 mail-stack/.env",
      "0644 mail-stack/compose.yaml",
      "0644 mail-stack/installed",
      "0600 mail-stack/lock",
      "0755 onhost/",
      "0755 onhost/onhost.cjs",
      "0755 stalwart/",
      "0644 stalwart/applied",
      "0644 stalwart/config.json",
      "0700 stalwart/data/",
      "0700 stalwart/keys/",
      "0755 stalwart/plan/",
      "0600 stalwart/plan/plan.ndjson",
      "0600 stalwart/plan/reload.ndjson",
      "0700 stalwart/secrets/",
      "0600 stalwart/secrets/recovery-admin.env",
      "0600 stalwart/secrets/relay.env",
      "0600 stalwart/secrets/stalwart-cli.env",
      "0700 stalwart/tls/",
      "0644 stalwart/version",
      "0755 traefik/",
      "0700 traefik/acme/",
      "0755 traefik/dynamic/",
      "0644 traefik/dynamic/mail.yaml",
      "0644 traefik/traefik.yaml",
    ]);
    expect(read("stalwart/secrets/recovery-admin.env")).toMatch(/^STALWART_RECOVERY_ADMIN=admin:[A-Za-z0-9_-]{32}\n$/);
    const [, password] = read("stalwart/secrets/recovery-admin.env").split(":");
    expect(read("stalwart/secrets/stalwart-cli.env")).toBe(`STALWART_USER=admin\nSTALWART_PASSWORD=${password}`);
    const { uid, gid } = statSync(host.home);
    expect(read("mail-stack/.env")).toBe(`MAIL_UID=${uid}\nMAIL_GID=${gid}\n`);
    expect(composeCalls()).toEqual([
      "compose version --short",
      "compose --profile tools -f ~/mail-stack/staging/apps/mail-stack/compose.yaml config --quiet",
      "compose -f ~/mail-stack/compose.yaml --profile tools pull --quiet --policy missing",
      `compose -f ~/mail-stack/compose.yaml ${UP}`,
      "compose -f ~/mail-stack/compose.yaml --profile tools run --rm -T onhost verify",
      "compose -f ~/mail-stack/compose.yaml --profile tools run --rm -T stalwart-cli apply --file /plan/plan.ndjson",
      "compose -f ~/mail-stack/compose.yaml --profile tools run --rm -T stalwart-cli apply --file /plan/reload.ndjson",
      "compose -f ~/mail-stack/compose.yaml --profile tools run --rm -T onhost verify",
      "compose -f ~/mail-stack/compose.yaml restart stalwart",
      `compose -f ~/mail-stack/compose.yaml ${UP}`,
      "compose -f ~/mail-stack/compose.yaml --profile tools run --rm -T onhost passwords",
      "compose -f ~/mail-stack/compose.yaml --profile tools run --rm -T onhost signatures",
      "compose -f ~/mail-stack/compose.yaml --profile tools run --rm -T onhost verify",
    ]);
    expect(starts()).toEqual([2, 1, 1]);
  });

  it("changes nothing the second time, and restarts nothing", async () => {
    const before = untouched(host.apps).filter((line) => !line.startsWith("mail-stack "));
    expect(await host.run(install())).toEqual({ code: 0, stdout: "installed 0, removed 0\n", stderr: "" });
    expect(untouched(host.apps).filter((line) => !line.startsWith("mail-stack "))).toEqual(before);
    expect(starts()).toEqual([2, 1, 1]);
    expect(composeCalls().filter((call) => / (apply|restart|passwords)/.test(call))).toEqual([]);
  });

  it("makes only the container anew that reads a changed file at its start", async () => {
    const { ino } = statSync(join(host.apps, "stalwart/config.json"));
    await ship({ "traefik/traefik.yaml": "entryPoints: { imaps: {} }\n" });
    expect(read("traefik/traefik.yaml")).toContain("imaps");
    expect(starts()).toEqual([2, 2, 1]);
    expect(statSync(join(host.apps, "stalwart/config.json")).ino).toBe(ino);
    await ship();
    expect(starts()).toEqual([2, 3, 1]);
  });

  it("makes no container anew for a file that is watched", async () => {
    const before = starts();
    await ship({ "traefik/dynamic/mail.yaml": "tcp: { routers: {} }\n" });
    expect(read("traefik/dynamic/mail.yaml")).toContain("routers");
    await ship();
    expect(starts()).toEqual(before);
  });

  it("takes back a file that somebody changed by hand, also its mode", async () => {
    appendFileSync(join(host.apps, "stalwart/secrets/relay.env"), "MORE=1\n");
    writeFileSync(join(host.apps, "traefik/traefik.yaml"), "entryPoints: {}\n", { mode: 0o666 });
    expect(await host.run(install())).toMatchObject({ code: 0, stdout: "installed 1, removed 0\n" });
    expect(read("stalwart/secrets/relay.env")).not.toContain("MORE");
  });

  it("removes a file that is not wanted any more, its empty folder, and nothing else", async () => {
    await ship({ "more/serve/serve.json": "{}\n", "traefik/dynamic/more.yaml": "http: {}\n" });
    writeFileSync(join(host.apps, "traefik/dynamic/mine.yaml"), "mine\n");
    expect(await host.run(install({ "traefik/dynamic/mail.yaml": undefined }))).toMatchObject({
      code: 0,
      stdout: "installed 0, removed 3\n",
    });
    expect(existsSync(join(host.apps, "more"))).toBe(false);
    expect(tree(join(host.apps, "traefik/dynamic"))).toHaveLength(1);
    expect(read("traefik/dynamic/mine.yaml")).toBe("mine\n");
    await ship();
  });

  it("applies a changed plan without a restart, and restarts for changed listeners", async () => {
    const before = starts();
    const plan = read("stalwart/plan/plan.ndjson");
    await ship({ "stalwart/plan/plan.ndjson": `${plan}{"object":"Domain"}\n` });
    expect(starts()).toEqual(before);
    host.calls();
    await ship({ "stalwart/plan/plan.ndjson": `${plan}{"object":"NetworkListener","value":"sieve"}\n` });
    expect(starts()[0]).toBe((before[0] ?? 0) + 1);
    expect(composeCalls().filter((call) => call.includes("apply"))).toHaveLength(2);
    await ship();
  });

  it("applies the plan again when the server is not as planned", async () => {
    host.trouble("applied", "something else\n");
    host.calls();
    await ship();
    expect(composeCalls().filter((call) => / (apply|restart|passwords)/.test(call))).toHaveLength(3);
  });

  it("sets passwords again when a secret of Stalwart's changed", async () => {
    host.calls();
    await ship({ "stalwart/secrets/admin-password": "another one\n" });
    expect(composeCalls().filter((call) => call.endsWith("onhost passwords"))).toHaveLength(1);
    await ship();
  });

  it("keeps the recovery administrator and everything that containers wrote", async () => {
    const admin = read("stalwart/secrets/recovery-admin.env");
    writeFileSync(join(host.apps, "stalwart/data/CURRENT"), "mail");
    await ship({ "stalwart/config.json": "{}\n" });
    await ship();
    expect(read("stalwart/secrets/recovery-admin.env")).toBe(admin);
    expect(read("stalwart/data/CURRENT")).toBe("mail");
  });

  it("leaves other people's folders alone", async () => {
    mkdirSync(join(host.apps, "nextcloud/data"), { recursive: true, mode: 0o750 });
    writeFileSync(join(host.apps, "nextcloud/data/file"), "theirs", { mode: 0o640 });
    const before = untouched(join(host.apps, "nextcloud"));
    await ship({ "stalwart/config.json": "{}\n" });
    await ship();
    expect(untouched(join(host.apps, "nextcloud"))).toEqual(before);
  });

  it("prints the Worker's key and nothing else, the same one each time", async () => {
    const first = await host.run(keyScript("apps", 1, "172.30.25.20"));
    expect(first).toEqual({ code: 0, stdout: expect.stringMatching(/^API_[0-9a-f]{48}\n$/) as string, stderr: "" });
    expect(await host.run(keyScript("apps", 1, "172.30.25.20"))).toEqual(first);
    expect((await host.run(keyScript("apps", 2, "172.30.25.20"))).stdout).not.toBe(first.stdout);
  });

  it("withdraws the keys before the present one", async () => {
    expect(await host.run(retireScript("apps", 2))).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(tree(join(host.apps, "stalwart/keys"))).toEqual([expect.stringContaining("worker-2")]);
  });

  it("takes a version of Stalwart that follows, and remembers it", async () => {
    await ship({}, "0.16.19");
    await ship({}, "0.17.0");
    expect(read("stalwart/version")).toBe("0.17.0\n");
  });

  it("stops the containers and leaves everything else when it is destroyed", async () => {
    const before = tree(host.apps);
    // The provider hands the install script to this command, too.
    expect(await host.run(install(), stopCommand("apps"))).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(tree(host.apps)).toEqual(before);
    expect(SERVICES.map((service) => host.container(service)?.running)).toEqual([false, false, false]);
    await ship({}, "0.17.0");
    expect(SERVICES.map((service) => host.container(service)?.running)).toEqual([true, true, true]);
  });

  it("has nothing to stop on a machine that was never reached", async () => {
    host.wipe();
    expect(await host.run(install(), stopCommand("apps"))).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("ships the documented deployment; everything that its containers mount is there", async () => {
    host.wipe();
    const files = hostFiles(augustin(), {
      tunnelToken: "tunnel-token",
      acmeDnsToken: "acme-token",
      tailnetKey: "tskey-auth-value",
    });
    expect(await host.run(scriptOf(files))).toEqual({
      code: 0,
      stdout: `installed ${files.length}, removed 0\n`,
      stderr: "",
    });
    const mounts = [...read("mail-stack/compose.yaml").matchAll(/source: \.\.\/(\S+)/g)].map(([, path = ""]) => path);
    expect(new Set(mounts).size).toBeGreaterThan(8);
    expect(mounts.filter((path) => !existsSync(join(host.apps, path)))).toEqual([]);
    expect(await host.run(scriptOf(files))).toMatchObject({ code: 0, stdout: "installed 0, removed 0\n" });
  });

  it("does nothing when the script is cut on its way", async () => {
    host.wipe();
    const script = install();
    const payload = script.indexOf("main; exit") + "main; exit\n".length;
    for (const length of [100, 2000, payload - 200, payload - "main; exit\n".length]) {
      const { code } = await host.run(script.slice(0, length));
      expect({ length, code, made: existsSync(host.apps) }).toMatchObject({ made: false });
    }
    const { code, stderr } = await host.run(script.slice(0, payload + 1001));
    expect(code).toBe(1);
    expect(stderr).toContain("Nothing was installed and nothing was restarted.");
    expect(tree(host.apps).filter((line) => !line.includes("staging"))).toEqual([
      "0755 mail-stack/",
      expect.stringMatching(/^0600 mail-stack\/lock/),
    ]);
  });
});
