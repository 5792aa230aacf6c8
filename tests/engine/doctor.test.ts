import { execFile } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { settingsOf } from "../../infra/settings/stack-file";
import { deploymentOf } from "../../ops/doctor/examine";
import { toProject } from "../../sandbox/engine/checkout";
import { type CommandLine, openCommandLine, type Ran } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { type Outside, startOutside } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { standIns } from "../../sandbox/stand-ins";
import { EDGE, MX } from "../doctor/internet";
import { passNight } from "../doctor/night";
import { type Servers, startInternet } from "../doctor/servers";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

const ROOT = join(__dirname, "..", "..");
const TAILNET_ADDRESS = "100.100.1.1";
/** From the start of npm to its end: what the issue allows. */
const MOST_MS = 10_000;

interface Report {
  readonly ms: number;
  readonly summary: Readonly<Record<string, number>>;
  readonly checks: readonly { readonly id: string; readonly status: string; readonly current: string }[];
}

describeEngine("npm run doctor, as a process, on a stack that pulumi has brought up", () => {
  let outside: Outside;
  let servers: Servers;
  let line: CommandLine;
  let secrets: readonly string[];
  let clients: string;

  beforeAll(async () => {
    const invented = standIns("prod");
    const settings = settingsOf("prod", invented);
    clients = settings.hostnames.clients;
    outside = await startOutside(settings, invented);
    const { command, ...nothing } = await findEngine(silent);
    if (command === undefined) throw new Error(JSON.stringify(nothing));
    line = await openCommandLine(command, outside.world, (project) => {
      toProject(project, { name: "prod", standIns: invented, apiUrl: outside.apiUrl });
      cpSync(join(ROOT, "ops"), join(project, "ops"), { recursive: true });
    });
    await pulumi(["stack", "init", "prod"]);
    for (const [key, value] of Object.entries(invented.secrets))
      await pulumi(["config", "set", "--secret", `mail:${key}`, "--stack", "prod"], value);
    await pulumi(["config", "set", "--secret", "cloudflare:apiToken", "--stack", "prod"], invented.apiToken);
    await pulumi(["up", "--yes", "--stack", "prod", "--non-interactive"]);
    passNight(outside, settings);
    servers = await startInternet({ outside, settings, records: deploymentOf("prod", settings).records });
    const trusted = join(line.project, "lab.pem");
    writeFileSync(trusted, servers.web.options.ca ?? "");
    const { ports } = servers.web;
    Object.assign(line.environment, {
      CLOUDFLARE_API_TOKEN: invented.apiToken,
      CLOUDFLARE_BASE_URL: outside.apiUrl,
      NODE_EXTRA_CA_CERTS: trusted,
      NODE_OPTIONS: `--import ${join(ROOT, "tests/doctor/net-preload.mjs")}`,
      MAIL_STACK_LAB: JSON.stringify({
        ...{ ports: { ...ports, dns: servers.dns.port }, edge: EDGE, mx: MX },
        ...{ tailnet: TAILNET_ADDRESS, names: [settings.hostnames.server, clients] },
      }),
    });
    secrets = [...Object.values(invented.secrets), invented.apiToken];
  }, ENGINE_TIMEOUT_MS);

  afterAll(async () => {
    await servers.close();
    line.close();
    await outside.close();
  });

  async function pulumi(args: readonly string[], input?: string): Promise<void> {
    expect(await line.pulumi(args, input)).toMatchObject({ code: 0 });
  }

  function doctor(...args: readonly string[]): Promise<Ran> {
    const resolver = `${servers.dns.resolver}:${servers.dns.port}`;
    return new Promise((resolve) => {
      execFile(
        "npm",
        ["run", "--silent", "doctor", "--", ...args, "--resolver", resolver],
        { cwd: line.project, env: line.environment },
        (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` }),
      );
    });
  }

  test(
    "finds everything ok within ten seconds, on a machine of the tailnet, and tells no secret",
    async () => {
      const start = Date.now();
      const { code, output } = await doctor("prod", "--json");
      const ms = Date.now() - start;
      const report = JSON.parse(output) as Report;
      expect(
        report.checks.filter(({ status }) => status !== "ok").map(({ id, current }) => `${id}: ${current}`),
      ).toEqual(["canary.sent", "canary.arrived"].map((id) => `${id}: needs your consent to a mail: add --canary`));
      expect(report.summary).toEqual({ ok: report.checks.length - 2, warning: 0, error: 0, skipped: 2 });
      expect(code).toBe(0);
      for (const secret of secrets) expect(output).not.toContain(JSON.stringify(secret).slice(1, -1));
      expect(ms).toBeLessThan(MOST_MS);
      process.stdout.write(
        `npm run doctor: ${report.summary["ok"]} checks ok in ${ms} ms, ${report.ms} of them asking\n`,
      );
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "says what is broken, in 80 columns, and ends with 1",
    async () => {
      servers.web.daysLeft.set(clients, 0);
      await outside.host.ssh.pause();
      const { code, output } = await doctor("prod");
      servers.web.reset();
      await outside.host.ssh.resume();
      expect(code).toBe(1);
      expect(output.split("\n").filter((text) => text.length > 80)).toEqual([]);
      expect(output).toMatch(/error {4}Certificate of stalwart\n/);
      expect(output).toMatch(/error {4}The host answers by SSH with its known key\n/);
      expect(output).toMatch(/\d+ ok, 0 warnings, 2 errors, \d+ skipped/);
    },
    ENGINE_TIMEOUT_MS,
  );
});
