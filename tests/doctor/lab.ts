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
import type { LabDns } from "./dns/server";
import type { LabZone } from "./dns/zone";
import { passNight } from "./night";
import { startInternet } from "./servers";
import type { LabWeb } from "./web";

/** In the sandbox a mail is home within the second. */
const ARRIVAL_MS = 5_000;
/** Of a slow machine; how long a healthy deployment takes is measured apart. */
const LOOK_MS = 60_000;
/** What a machine of the tailnet finds for the server's name. */
const TAILNET_ADDRESS = "100.100.1.1";
/** Of the signatures. */
const AROUND_NOW = { from: -86_400, to: 86_400 };
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
  passNight(outside, settings);
  const given = { tailnetAddress: await plainOf(outputs["tailnetAddress"]) };
  const { records, ...deployment } = deploymentOf("prod", settings, given);

  const servers = await startInternet({ outside, settings, records, further });
  const { dns, internet, web } = servers;
  const [zone] = internet.zones;
  const { parent, elsewhere } = internet;
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
      Object.assign(zone, { key: whole.key, ds: undefined, fault: () => undefined, valid: AROUND_NOW });
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
      await servers.close();
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

/** Resend's API in front of the sandbox's MX. */
async function relay({ mx }: Outside, init: RequestInit): Promise<Response> {
  const body: unknown = JSON.parse(typeof init.body === "string" ? init.body : "{}");
  const { from, to, subject, text } = body as Record<string, string>;
  const transport = createTransport({ host: "127.0.0.1", port: mx.port, ignoreTLS: true });
  await transport.sendMail({ from: from ?? "", to: to ?? "", subject: subject ?? "", text: text ?? "" });
  transport.close();
  return Response.json({ id: "1" });
}
