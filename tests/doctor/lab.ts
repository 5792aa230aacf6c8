import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import * as pulumi from "@pulumi/pulumi";
import { createTransport } from "nodemailer";

import type { Settings } from "../../infra/settings/settings";
import { settingsOf } from "../../infra/settings/stack-file";
import type { Credential } from "../../ops/doctor/check";
import { checksOf } from "../../ops/doctor/checks";
import type { HostDeployment } from "../../ops/doctor/context";
import { chosen, contextOf, deploymentOf, type Network, type Patient } from "../../ops/doctor/examine";
import { type Result, runChecks } from "../../ops/doctor/runner";
import type { Props } from "../../sandbox/cloud/props";
import { convergeWithoutEngine } from "../../sandbox/converge";
import { type Outside, startOutside } from "../../sandbox/outside";
import { standIns } from "../../sandbox/stand-ins";
import { issued } from "../worker/certificate";
import { LabDns } from "./dns/server";
import type { LabZone } from "./dns/zone";
import { internetOf, neighbours } from "./internet";
import { LabWeb } from "./web";

/** In the sandbox a mail is home within the second. */
const ARRIVAL_MS = 5_000;
const DAY_MS = 86_400_000;
const CHAIN = "fullchain.pem";
/** Of a slow machine; how long a healthy deployment takes is measured apart. */
const LOOK_MS = 60_000;
/** What a machine of the tailnet finds for the server's name. */
const TAILNET_ADDRESS = "100.100.1.1";
const USING = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"];

export interface Look {
  /** Beginnings of ids; none: all. */
  readonly only?: readonly string[];
  readonly at?: Date;
  /** Credentials that are not there, each with the reason. */
  readonly missing?: ReadonlyMap<Credential, string>;
}

/**
 * The sandbox's deployment as the doctor of its operator meets it: the internet around it (DNS, TLS and SMTP on loopback,
 * seen from a machine of the tailnet), the account by its API, the host by SSH, Stalwart by JMAP.
 */
export interface Lab {
  readonly outside: Outside;
  readonly patient: Patient & { readonly deployment: HostDeployment };
  readonly network: Network;
  readonly dns: LabDns;
  /** The mail domain's. */
  readonly zone: LabZone;
  readonly parent: LabZone;
  readonly elsewhere: LabZone;
  readonly web: LabWeb;
  /** What Resend's API does with a mail: in the sandbox it goes to the MX. */
  resend: (init: RequestInit) => Promise<Response>;
  /** Settings that the doctor has instead of the right ones. */
  instead: Partial<Settings>;
  /** What the program gave out. */
  readonly outputs: Props;
  look(options?: Look): Promise<readonly Result[]>;
  /** One method of Stalwart's, called by its administrator. */
  admin(method: string, args: object): Promise<Readonly<Record<string, unknown>>>;
  /** Everything around the account, host and Stalwart is whole again. */
  heal(): void;
  close(): Promise<void>;
}

export interface LabOptions {
  /** Bare keys of the stack file and their values, in place of its own. */
  readonly values?: Readonly<Record<string, string>>;
  /** Domains that get a zone of the account and of the DNS beside the first, with the same parent. */
  readonly further?: readonly string[];
}

export async function startLab({ values = {}, further = [] }: LabOptions = {}): Promise<Lab> {
  const invented = standIns("prod", values);
  const settings = settingsOf("prod", invented);
  const outside = await startOutside(settings, invented);
  const { outputs } = await convergeWithoutEngine("prod", invented, outside);
  backUp(outside, settings);
  certify(outside, settings);
  const given = { tailnetAddress: await plainOf(outputs["tailnetAddress"]) };
  const { records, ...deployment } = deploymentOf("prod", settings, given);

  const internet = internetOf(outside.world, [settings.domain, ...further], neighbours(settings, records));
  const [zone] = internet.zones;
  const { parent, elsewhere } = internet;
  const dns = new LabDns([...internet.zones, parent, elsewhere]);
  await dns.start();

  const server = `https://${settings.hostnames.server}`;
  const web = new LabWeb([...answered(records, further)], (url, init) => {
    // The sandbox's Stalwart has no calendars (facts: it redirects there).
    const path = url.startsWith(server) ? /^\/\.well-known\/(caldav|carddav)$/.exec(new URL(url).pathname) : null;
    if (path) return Promise.resolve(new Response(null, { status: 307, headers: { location: "/dav" } }));
    return outside.fetch(url, init);
  });
  await web.start();

  const environment = { CLOUDFLARE_API_TOKEN: invented.apiToken, CLOUDFLARE_BASE_URL: outside.apiUrl };
  const patient = { deployment: { ...deployment, settings, records }, missing: new Map(), environment };
  const network: Network = {
    dns: { resolver: dns.resolver, resolverPort: dns.port, port: dns.port },
    // Certificates come and go with what is broken.
    get net() {
      return web.options;
    },
    arrivalMs: ARRIVAL_MS,
    fetch: (url, init) => (url.startsWith("https://api.resend.com/") ? lab.resend(init) : outside.fetch(url, init)),
  };
  const whole = { zone: zone.view, parent: parent.view, elsewhere: elsewhere.view, key: zone.key };
  const relayed = (init: RequestInit) => relay(outside, init);
  const lab: Lab = {
    outside,
    patient,
    network,
    dns,
    zone,
    parent,
    elsewhere,
    web,
    outputs,
    instead: {},
    resend: relayed,
    async look({ only = [], at = new Date(), missing = new Map() } = {}) {
      const own = { ...patient.deployment, settings: { ...settings, ...lab.instead } };
      const context = contextOf({ ...patient, deployment: own, missing }, network, at);
      const results = await runChecks(chosen(checksOf(own), only), context, { budgetMs: LOOK_MS });
      // Connections that ended are closed before the next test.
      await setImmediate();
      return results;
    },
    async admin(method, args) {
      const [answer] = await contextOf(patient, network).jmap.call(USING, [[method, args, "0"]]);
      return answer?.[1] ?? {};
    },
    heal() {
      zone.view = whole.zone;
      parent.view = whole.parent;
      elsewhere.view = whole.elsewhere;
      Object.assign(zone, {
        key: whole.key,
        ds: undefined,
        fault: () => undefined,
        valid: { from: -86_400, to: 86_400 },
      });
      dns.validates = true;
      dns.answers = true;
      dns.bogus.clear();
      dns.insecure.clear();
      web.reset();
      web.addresses.set(settings.hostnames.clients, TAILNET_ADDRESS);
      lab.instead = {};
      lab.resend = relayed;
    },
    async close() {
      dns.close();
      await web.close();
      await outside.close();
    },
  };
  lab.heal();
  return lab;
}

function plainOf(value: unknown): Promise<unknown> {
  const output: pulumi.Output<unknown> = pulumi.output(value);
  return new Promise((resolve) => void output.apply(resolve));
}

/** Names that answer HTTPS or SMTP. */
function answered(records: Patient["deployment"]["records"], further: readonly string[]): ReadonlySet<string> {
  const own = records.flatMap(({ data, name, proxied }) =>
    proxied ? [name] : data.type === "MX" ? [data.target] : [],
  );
  const labels = ["mta-sts", "autoconfig", "autodiscover"];
  return new Set([...own, ...further.flatMap((domain) => labels.map((label) => `${label}.${domain}`))]);
}

/** Files as the jobs of last night leave them: the sandbox has no repository for restic. */
function backUp({ host }: Outside, settings: Settings): void {
  const folder = join(host.folder, settings.host.folder);
  const success = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const job = { success, failure: null };
  for (const path of ["backup/state", "stalwart/data/export"]) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(
    join(folder, "backup/state/status.json"),
    JSON.stringify({ format: 1, export: job, backup: job, check: job, drill: job }),
  );
  writeFileSync(join(folder, "stalwart/data/export/manifest.json"), "{}");
}

/** As Traefik gets it from its authority, for all names that clients use. */
function certify({ host }: Outside, settings: Settings): void {
  const { server, clients } = settings.hostnames;
  const { cert, key } = issued([server, clients], new Date(Date.now() - DAY_MS), new Date(Date.now() + 80 * DAY_MS));
  const folder = join(host.folder, settings.host.folder, "stalwart/tls");
  for (const { name, text } of readdirSync(folder).map((name) => ({ name, text: name === CHAIN ? cert : key })))
    writeFileSync(join(folder, name), text);
}

/** Resend's API in front of the sandbox's MX. */
async function relay({ mx }: Outside, init: RequestInit): Promise<Response> {
  const body: unknown = JSON.parse(typeof init.body === "string" ? init.body : "{}");
  const { from, to, subject, text } = body as Record<string, string>;
  const transport = createTransport({ host: "127.0.0.1", port: mx.port, ignoreTLS: true });
  await transport.sendMail({ from: from ?? "", to: to ?? "", subject: subject ?? "", text: text ?? "" });
  transport.close();
  return Response.json({ id: "1" });
}
