import { execFile } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { settingsOf } from "../../infra/settings/stack-file";
import { deploymentOf } from "../../ops/doctor/examine";
import { insideClients } from "../../ops/doctor/inside/clients";
import { newZone } from "../../sandbox/cloud/zone";
import { toProject, toSettings } from "../../sandbox/engine/checkout";
import { type CommandLine, openCommandLine, type Ran } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { type Outside, startOutside, zoneId } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { furtherStandIns, type StandIns, standIns } from "../../sandbox/stand-ins";
import { EDGE, MX } from "../doctor/internet";
import { passNight } from "../doctor/night";
import { type Servers, startInternet } from "../doctor/servers";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

const ROOT = join(__dirname, "..", "..");
const SECOND = { domain: "second.ai", stack: "second-ai" };
const ON_REQUEST = ["canary.sent", "canary.arrived"];
const TAILNET_ADDRESS = "100.100.1.1";
/** From the start of npm to its end: what the issue allows. */
const MOST_MS = 10_000;

interface Report {
  readonly hostStack: string | null;
  readonly ms: number;
  readonly summary: Readonly<Record<string, number>>;
  readonly checks: readonly {
    readonly id: string;
    readonly status: string;
    readonly current: string;
    readonly remedy: string | null;
  }[];
}

describeEngine("npm run doctor, as a process, on a stack that pulumi has brought up", () => {
  let outside: Outside;
  let servers: Servers;
  let line: CommandLine;
  let ofHost: StandIns;
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
      for (const folder of ["ops", "sandbox"]) cpSync(join(ROOT, folder), join(project, folder), { recursive: true });
    });
    await bringUp("prod", invented);
    passNight(outside, settings);
    const { records } = deploymentOf("prod", settings);
    servers = await startInternet({ outside, settings, records, further: [SECOND.domain] });
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
    ofHost = invented;
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

  async function bringUp(stack: string, { secrets: own, apiToken }: StandIns): Promise<void> {
    await pulumi(["stack", "init", stack]);
    for (const [key, value] of Object.entries(own))
      await pulumi(["config", "set", "--secret", `mail:${key}`, "--stack", stack], value);
    await pulumi(["config", "set", "--secret", "cloudflare:apiToken", "--stack", stack], apiToken);
    await pulumi(["up", "--yes", "--stack", stack, "--non-interactive"]);
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
      expect(notOk(report)).toEqual(ON_REQUEST.map((id) => `${id}: needs your consent to a mail: add --canary`));
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

  test(
    "of a further domain looks at what is its own, and says where its host is looked at; the host stays ok",
    async () => {
      const { domain, stack } = SECOND;
      outside.world.zones.push(newZone(zoneId(domain), domain));
      const own = furtherStandIns(domain, "prod", ofHost);
      const file = { name: stack, template: "stacks/domain.yaml", standIns: own, apiUrl: outside.apiUrl };
      toSettings(line.project, file);
      await bringUp(stack, own);

      const { code, output } = await doctor(stack, "--json");
      const report = JSON.parse(output) as Report;
      expect([code, report.hostStack, notOk(report)]).toEqual([0, "prod", []]);
      const areas = new Set(report.checks.map(({ id }) => id.split(".")[0]));
      for (const area of ["records", "policy", "exchange", "edge", "spool"]) expect(areas).toContain(area);
      for (const area of ["host", "stalwart", "backup", "tunnel", "canary"]) expect(areas).not.toContain(area);
      const { output: table } = await doctor(stack);
      expect(table).toContain("\nIts host belongs to another stack: npm run doctor -- prod\n");
      expect(await doctor(stack, "--canary")).toEqual({
        code: 2,
        output: "The canary leaves by the host's relay: npm run doctor -- prod --canary\n",
      });

      const again = await doctor("prod", "--json");
      const { summary } = JSON.parse(again.output) as Report;
      expect(summary).toMatchObject({ warning: 0, error: 0, skipped: ON_REQUEST.length });
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "of the host sees what somebody changed of a further domain at home, and its remedy mends it",
    async () => {
      const { domain, stack } = SECOND;
      await withoutCatchAll(domain);
      const broken = JSON.parse((await doctor("prod", "--json")).output) as Report;
      const [drift] = broken.checks.filter(({ status }) => status === "error");
      expect(broken.summary).toMatchObject({ warning: 0, error: 1 });
      expect(drift).toMatchObject({
        id: "stalwart.further",
        current: `${domain}: Domain (name "${domain}"): catchAllAddress: wanted "root@${domain}", found null`,
        remedy: `pulumi up --stack ${stack} --replace '**host-plan'`,
      });
      // As a shell takes it apart, with consent.
      await pulumi(["up", "--stack", stack, "--replace", "**host-plan", "--yes", "--non-interactive"]);
      const mended = JSON.parse((await doctor("prod", "--json")).output) as Report;
      expect(mended.summary).toMatchObject({ warning: 0, error: 0 });
      // The plan itself was installed again, and not taken away with what was replaced.
      expect(mended.checks.find(({ id }) => id === "stalwart.further")?.current).toBe(domain);
    },
    ENGINE_TIMEOUT_MS,
  );

  /** In Stalwart, as its administrator could click it. */
  async function withoutCatchAll(domain: string): Promise<void> {
    const deployment = deploymentOf("prod", settingsOf("prod", ofHost));
    const { jmap } = insideClients(deployment, {}, (url, init) => outside.fetch(url, init));
    const call = async (method: string, args: object) => {
      const [answer] = await jmap.call(["urn:ietf:params:jmap:core", "urn:stalwart:jmap"], [[method, args, "0"]]);
      return answer?.[1] ?? {};
    };
    const { list } = (await call("x:Domain/get", { ids: null })) as {
      list: readonly { readonly id: string; readonly name: string }[];
    };
    const id = list.find(({ name }) => name === domain)?.id ?? "";
    const changed = await call("x:Domain/set", { update: { [id]: { catchAllAddress: null } } });
    expect(Object.keys(changed["updated"] as object)).toEqual([id]);
  }
});

/** `id: what was seen`. */
function notOk({ checks }: Report): readonly string[] {
  return checks.filter(({ status }) => status !== "ok").map(({ id, current }) => `${id}: ${current}`);
}
