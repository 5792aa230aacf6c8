import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyName } from "../../infra/settings/keys";
import { PROJECT } from "../../infra/settings/keys";
import { setCommand } from "../../infra/settings/problem";
import { ownAddress } from "../../infra/settings/mailbox";
import type { Asked } from "./arguments";
import { dkimPrivateKey, password, selector } from "./keys";
import type { Pulumi } from "./pulumi";
import { NewDomainError } from "./refused";
import type { Api } from "./request";
import {
  createDomain,
  createSendingKey,
  findDomain,
  listDomains,
  REGIONS,
  type ResendDomain,
  verifyDomain,
} from "./resend";
import { type Change, fill, keysOf, textIn, type Values } from "./stack-file";
import { accountFor, createZone, findZone, type Zone } from "./zone";

export interface Means {
  /** That of Pulumi.yaml. */
  readonly directory: string;
  readonly cloudflare: Api;
  readonly resend: Api;
  readonly pulumi: Pulumi;
  /** For an account that cannot be derived. */
  readonly accountId: string | undefined;
  readonly now: Date;
  /** Asks the person; the proposal, or nothing, where there is none. */
  readonly ask: (question: string, proposal: string) => Promise<string>;
}

/** What was done, or with `--dry-run` would be. */
export interface Prepared {
  readonly domain: string;
  readonly stack: string;
  readonly host: string | undefined;
  readonly file: string;
  /** In the order of doing; what was there already is told too. */
  readonly steps: readonly Step[];
  readonly changes: readonly Change[];
  /** Commands that set what nobody but the operator knows. */
  readonly open: readonly string[];
  readonly next: string;
}

export interface Step {
  readonly what: string;
  readonly state: "found" | "made" | "would be made";
  readonly detail: string;
}

const HOST_QUESTIONS = [
  ["hostAddress", "The docker host's address for SSH"],
  ["hostUser", "The user on it, member of the group docker"],
  ["hostKey", "Its Ed25519 host key (cat /etc/ssh/ssh_host_ed25519_key.pub on its console)"],
] as const satisfies readonly (readonly [KeyName, string])[];

/**
 * Takes up what is there and makes what is not, in an order in which every failure leaves something the next run can take up:
 * zone, Resend domain, stack file, stack, keys. Nothing that exists is overwritten but Resend's records in the stack file.
 *
 * @throws NewDomainError
 */
export async function prepare(asked: Asked, means: Means): Promise<Prepared> {
  const { domain, stack, dryRun } = asked;
  const host = asked.host === undefined ? undefined : hostOf(asked.host, means.directory);
  const file = `Pulumi.${stack}.yaml`;
  const path = join(means.directory, file);
  const isNew = !existsSync(path);
  const template = join(means.directory, "stacks", host ? "domain.yaml" : "first-domain.yaml");
  const text = readFileSync(isNew ? template : path, "utf8");
  if (!isNew) checkFile(text, file, asked);
  // What can be refused is asked before anything is made.
  const primaryAddress = await addressOf(asked, means, isNew ? "" : text);
  const exists = await means.pulumi.stackExists(stack);
  const steps: Step[] = [];

  const zone = await zoneStep(asked, means, host, steps);
  const resend = await resendStep(asked, means, host, steps);
  const values = { ...(await valuesOf(asked, means, isNew ? "" : text, zone)), primaryAddress };
  const owned: Values = resend === undefined ? {} : { resendRecords: resend.records.map((record) => ({ ...record })) };
  const filled = fill(isNew ? cleared(text) : text, values, owned, isNew);
  if (!dryRun && (isNew || filled.changes.length > 0)) writeWhole(path, filled.text);

  if (!exists && !dryRun) await means.pulumi.initStack(stack);
  steps.push({ what: "stack", state: exists ? "found" : dryRun ? "would be made" : "made", detail: stack });
  await secretSteps(asked, means, keysOf(filled.text), steps);
  if (asked.verify && resend && !dryRun) {
    await verifyDomain(means.resend, resend);
    steps.push({ what: "verify", state: "made", detail: "Resend looks for its records now; ask again for the result" });
  }
  const open = openOf(asked, keysOf(filled.text));
  const next = open.length > 0 ? `npm run settings -- ${stack}` : `pulumi preview --stack ${stack}`;
  return { domain, stack, host: asked.host, file, steps, changes: filled.changes, open, next };
}

interface Host {
  readonly domain: string | undefined;
  readonly accountId: string | undefined;
}

function hostOf(stack: string, directory: string): Host {
  const file = `Pulumi.${stack}.yaml`;
  if (!existsSync(join(directory, file)))
    throw new NewDomainError(
      `There is no ${file} here, so ${stack} is no host's stack. Nothing was changed. Name a stack that has a host after --host.`,
    );
  const text = readFileSync(join(directory, file), "utf8");
  const further = textIn(text, "hostStack");
  if (further !== undefined)
    throw new NewDomainError(
      `${stack} is itself a further domain on the host of ${further}. Nothing was changed. Say: --host ${further}`,
    );
  return { domain: textIn(text, "domain"), accountId: textIn(text, "accountId") };
}

/** A file that belongs to something else is not touched. */
function checkFile(text: string, file: string, { domain, host, stack }: Asked): void {
  const other = textIn(text, "domain");
  if (other !== undefined && other !== domain)
    throw new NewDomainError(
      `${file} is the stack of ${other}. Nothing was changed. Choose another name for the new one: --stack NAME`,
    );
  const hostStack = textIn(text, "hostStack");
  if (hostStack !== host && other !== undefined)
    throw new NewDomainError(
      `${file} ${hostStack === undefined ? "has a host of its own" : `is on the host of ${hostStack}`}. Nothing was changed. ` +
        (hostStack === undefined
          ? "Leave out --host."
          : `Say --host ${hostStack}, or move it first: pulumi config set mail:hostStack ${host ?? "NAME"} --stack ${stack}`),
    );
}

async function zoneStep(asked: Asked, means: Means, host: Host | undefined, steps: Step[]): Promise<Zone | undefined> {
  const { cloudflare } = means;
  const known = await findZone(cloudflare, asked.domain);
  const wanted = host?.accountId;
  if (known && wanted !== undefined && known.accountId !== "" && known.accountId !== wanted)
    throw new NewDomainError(
      `The zone ${asked.domain} is in the account ${known.accountId}, and the host's is ${wanted}. Nothing was changed: one ` +
        "Worker cannot serve two accounts. Move the zone, or give the domain a host of its own by leaving out --host.",
    );
  const zone =
    known ??
    (asked.dryRun
      ? undefined
      : await createZone(cloudflare, asked.domain, await accountFor(cloudflare, wanted ?? means.accountId)));
  const servers = zone && zone.status !== "active" ? `; the registrar must name ${zone.nameServers.join(" and ")}` : "";
  steps.push(
    zone === undefined
      ? { what: "zone", state: "would be made", detail: asked.domain }
      : {
          what: "zone",
          state: known ? "found" : "made",
          detail: `${zone.status}, account ${zone.accountId}${servers}`,
        },
  );
  return zone;
}

async function resendStep(
  { domain, region, dryRun }: Asked,
  { resend }: Means,
  host: Host | undefined,
  steps: Step[],
): Promise<ResendDomain | undefined> {
  const known = await findDomain(resend, domain);
  if (known && region !== undefined && known.region !== region)
    throw new NewDomainError(
      `${domain} is at Resend in ${known.region}, which cannot be changed. The stack file is as it was. Leave out --region.`,
    );
  const chosen = region ?? known?.region ?? (await regionOf(resend, host)) ?? REGIONS[0];
  if (known === undefined && dryRun) {
    steps.push({ what: "Resend", state: "would be made", detail: `${domain} in ${chosen}; its records come then` });
    return undefined;
  }
  const made = known ?? (await createDomain(resend, domain, chosen));
  const detail = `${made.region}, ${made.status}, ${made.records.length} records`;
  steps.push({ what: "Resend", state: known ? "found" : "made", detail });
  return made;
}

async function regionOf(resend: Api, host: Host | undefined): Promise<string | undefined> {
  if (host?.domain === undefined) return undefined;
  return (await listDomains(resend)).find(({ name }) => name === host.domain)?.region;
}

async function addressOf({ domain, address: given }: Asked, { ask }: Means, text: string): Promise<string> {
  const written = textIn(text, "primaryAddress");
  if (written !== undefined) return written;
  const proposal = `root@${domain}`;
  const address = ownAddress(given ?? (await ask("The domain's primary address", proposal)), domain);
  if (address !== undefined) return address;
  throw new NewDomainError(
    `The primary address is no address of ${domain}. Nothing was changed. Name one: --address ${proposal}`,
  );
}

async function valuesOf(
  { domain, host }: Asked,
  { now, ask }: Means,
  text: string,
  zone: Zone | undefined,
): Promise<Values> {
  const has = keysOf(text);
  const answers: Partial<Record<KeyName, string>> = {};
  if (host === undefined)
    for (const [key, question] of HOST_QUESTIONS)
      if (!has.has(key)) {
        const answer = (await ask(question, "")).trim();
        // The comment at its end is not part of the key.
        if (answer !== "") answers[key] = key === "hostKey" ? answer.split(/\s+/).slice(0, 2).join(" ") : answer;
      }
  return {
    domain,
    ...(host === undefined && zone !== undefined ? { accountId: zone.accountId } : {}),
    ...(host === undefined ? answers : { hostStack: host }),
    // A key whose selector is not known is the operator's: no name is made up for it.
    ...(has.has("dkimRsaPrivateKey") ? {} : { dkimRsaSelector: selector("rsa", now) }),
    ...(has.has("dkimEd25519PrivateKey") ? {} : { dkimEd25519Selector: selector("ed25519", now) }),
  };
}

/** The template without its examples. */
function cleared(template: string): string {
  return template.replace(/^( {2}mail:(?:domain|primaryAddress|hostStack)): .*$/gm, '$1: ""');
}

/** All of the file or nothing: a half-written one would take the next run's work for the operator's. */
function writeWhole(path: string, text: string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

async function secretSteps(
  { stack, host, dryRun }: Asked,
  { pulumi, resend }: Means,
  has: ReadonlySet<string>,
  steps: Step[],
): Promise<void> {
  const makers: readonly (readonly [KeyName, () => string | Promise<string>])[] = [
    ["dkimRsaPrivateKey", () => dkimPrivateKey("rsa")],
    ["dkimEd25519PrivateKey", () => dkimPrivateKey("ed25519")],
    ["accountPassword", password],
    ...(host === undefined
      ? ([
          ["adminPassword", password],
          // Last: should it not be stored, Resend has a key that nobody knows.
          ["resendApiKey", () => createSendingKey(resend, `mail-stack ${stack}`)],
        ] as const)
      : []),
  ];
  for (const [key, make] of makers) {
    const exists = has.has(key);
    if (!exists && !dryRun) await pulumi.setSecret(stack, `${PROJECT}:${key}`, await make());
    steps.push({
      what: "secret",
      state: exists ? "found" : dryRun ? "would be made" : "made",
      detail: `${PROJECT}:${key}`,
    });
  }
}

/** Keys that neither an API nor this program can know. */
function openOf({ host, stack }: Asked, has: ReadonlySet<string>): string[] {
  const keys: readonly KeyName[] = [
    ...(host === undefined ? (["hostAddress", "hostUser", "hostKey", "hostSshPrivateKey"] as const) : []),
    "dkimRsaSelector",
    "dkimEd25519Selector",
  ];
  return keys.filter((key) => !has.has(key)).map((key) => setCommand(key).replaceAll("{stack}", () => stack));
}
