import { spawn } from "node:child_process";

import { furtherRecords, mailRecords } from "../../infra/dns/records";
import type { FurtherSettings, Settings } from "../../infra/settings/settings";
import { dependentStacks } from "../../infra/domain/dependents";
import { readStackFile, stackDirectory, StackFileError } from "../../infra/settings/stack-file";
import { publicDomainSettings, STAND_INS } from "../public-settings";
import { decrypt, hasPassphrase } from "../decrypt";
import type { Check, Credential } from "./check";
import { CREDENTIALS } from "./check";
import { checksOf } from "./checks";
import { type Context, type Deployment, hostStackOf } from "./context";
import { DnsClient, type DnsOptions } from "./dns/client";
import { type Fetch, insideClients } from "./inside/clients";
import { NetClient, type NetOptions } from "./net/net";
import { publicPlaces } from "./net/place";
import { WebClient } from "./net/web";
import type { Examined } from "./report";
import { type Result, runChecks, type RunOptions } from "./runner";

export interface Network {
  readonly dns: DnsOptions;
  /** Names are where the resolver says, unless a test says otherwise. */
  readonly net?: NetOptions;
  /** How Stalwart's JMAP is asked; for tests. */
  readonly fetch?: Fetch;
  /** How long a canary may be on its way, in milliseconds; for tests. */
  readonly arrivalMs?: number;
}

export interface Selection {
  /** Beginnings of ids; none: all. What a chosen check needs is run too. */
  readonly only: readonly string[];
}

const DNS_PORT = 53;
/** For one start of pulumi; a state backend may be far away. */
const OUTPUTS_MS = 5_000;
/** Without these the DKIM records that the program wants are not known. */
const SECRET_KEYS = ["dkimRsaPrivateKey", "dkimEd25519PrivateKey"] as const;

/** The real world. @param resolver an address, with `:PORT` or without */
export function realNetwork(resolver: string): Network {
  const [, address = resolver, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(isBareIpv6(resolver) ? "" : resolver) ?? [];
  return {
    dns: { resolver: address, resolverPort: Number(port ?? DNS_PORT), port: DNS_PORT },
  };
}

function isBareIpv6(text: string): boolean {
  return !text.startsWith("[") && text.split(":").length > 2;
}

/** What is known of a stack, and which credentials are not there. */
export interface Patient {
  readonly deployment: Deployment;
  readonly missing: ReadonlyMap<Credential, string>;
  /** Has the Cloudflare token, and for tests another place of its API. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** Reads the stack file, and decrypts what this machine can. @throws StackFileError */
export async function patientOf(stack: string, environment: NodeJS.ProcessEnv): Promise<Patient> {
  const outputs = outputsOf(stack);
  const decrypted = hasPassphrase() ? decrypt(stack) : {};
  // Half of the checks would be skipped, and the rest would look like all of them.
  if (typeof decrypted === "string" && /passphrase/i.test(decrypted))
    throw new StackFileError(`${decrypted} Nothing was checked. To run only the public checks, unset the variable.`);
  const secrets = typeof decrypted === "string" ? {} : decrypted;
  const settings = publicDomainSettings(stack, secrets);
  const missing = new Map<Credential, string>();
  const lacks = (credential: Credential) => missing.set(credential, `needs ${CREDENTIALS[credential]}`);
  if (typeof decrypted === "string") missing.set("secrets", decrypted);
  else if (SECRET_KEYS.some((key) => secrets[key] === undefined)) lacks("secrets");
  const known = await outputs;
  if (known === undefined) lacks("state");
  if ((environment["CLOUDFLARE_API_TOKEN"] ?? "") === "" || settings.accountId === STAND_INS.accountId)
    lacks("cloudflare");
  if (secrets["hostSshPrivateKey"] === undefined || settings.host.address === STAND_INS.hostAddress) lacks("ssh");
  if (secrets["adminPassword"] === undefined) lacks("jmap");
  // `--canary` gives it.
  lacks("canary");
  return {
    deployment: deploymentOf(stack, settings, known, furtherStacks(stack)),
    missing,
    environment,
  };
}

/** What the program would declare with these settings. */
export function deploymentOf(
  stack: string,
  settings: Settings | FurtherSettings,
  outputs: Deployment["outputs"] = {},
  further: Deployment["further"] = new Map(),
): Deployment {
  const records = "hostStack" in settings ? furtherRecords(settings) : mailRecords(settings);
  return { stack, settings, records, outputs, further };
}

/** By their files; one that lies elsewhere is not seen. */
function furtherStacks(stack: string): ReadonlyMap<string, string> {
  return new Map(
    dependentStacks(stackDirectory(), stack).map((name) => [readStackFile(name).raw.get("domain")?.text ?? "", name]),
  );
}

/** The same patient, with the person's consent to a mail. */
export function withCanary(patient: Patient): Patient {
  const missing = new Map(patient.missing);
  missing.delete("canary");
  return { ...patient, missing };
}

/** A new context: what one examination learned, the next one asks again. */
export function contextOf(
  { deployment, missing, environment = {} }: Patient,
  { dns: dnsOptions, net, fetch, arrivalMs }: Network,
  now = new Date(),
): Context {
  const dns = new DnsClient(dnsOptions);
  const options = net ?? { places: publicPlaces(dns) };
  return {
    deployment,
    missing,
    now,
    dns,
    net: new NetClient(options),
    web: new WebClient(options),
    ...insideClients(deployment, environment, fetch, arrivalMs),
  };
}

/** Runs the checks and says what was seen. */
export async function examine(
  patient: Patient,
  network: Network,
  { only }: Selection = { only: [] },
  options: RunOptions = {},
): Promise<Examined> {
  const start = Date.now();
  const context = contextOf(patient, network);
  const { stack, settings } = patient.deployment;
  const results: readonly Result[] = await runChecks(chosen(checksOf(patient.deployment), only), context, options);
  const hostStack = hostStackOf(patient.deployment);
  return { stack, domain: settings.domain, hostStack, at: context.now, ms: Date.now() - start, results };
}

/** The checks whose ids begin so, and those that they need, in the order of all. */
export function chosen(checks: readonly Check[], only: readonly string[]): readonly Check[] {
  if (only.length === 0) return checks;
  const byId = new Map(checks.map((check) => [check.id, check]));
  const wanted = new Set<string>();
  const add = ({ id, needs }: Check): void => {
    if (wanted.has(id)) return;
    wanted.add(id);
    for (const gate of needs) {
      const check = byId.get(gate);
      if (check) add(check);
    }
  };
  checks.filter(({ id }) => only.some((start) => id.startsWith(start))).forEach(add);
  return checks.filter(({ id }) => wanted.has(id));
}

/** Undefined: there is no pulumi, or it cannot read the state. */
function outputsOf(stack: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  return new Promise((resolve) => {
    const args = ["stack", "output", "--json", "--stack", stack, "--non-interactive"];
    const child = spawn("pulumi", args, {
      stdio: ["ignore", "pipe", "ignore"],
      signal: AbortSignal.timeout(OUTPUTS_MS),
    });
    let text = "";
    child.stdout.on("data", (part: Buffer) => (text += part.toString("utf8")));
    child.on("error", () => resolve(undefined));
    child.on("close", (code) => {
      try {
        resolve(code === 0 ? (JSON.parse(text) as Record<string, unknown>) : undefined);
      } catch {
        resolve(undefined);
      }
    });
  });
}
