import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ServedIssuer } from "../../infra/served-issuers";
import type { KeyName } from "../../infra/settings/keys";
import { PROJECT } from "../../infra/settings/keys";
import { setCommand } from "../../infra/settings/problem";
import { parseResendRecords } from "../../infra/settings/resend";
import { hostAnswers, type Ask, primaryAddress } from "./answers";
import type { Asked } from "./arguments";
import { dkimPrivateKey, password, selector } from "./keys";
import type { Pulumi } from "./pulumi";
import { NewDomainError } from "./refused";
import { createSendingKey, type ResendDomain, verifyDomain } from "./resend";
import { areSameRecords } from "./resend-record";
import { find, makeAtResend, makeZone, type Services } from "./services";
import { type Change, fill, keysOf, textIn, valueIn, type Values } from "./stack-file";
import type { Step } from "./step";
import type { Zone } from "./zone";

export interface Means extends Services {
  /** That of Pulumi.yaml. */
  readonly directory: string;
  readonly pulumi: Pulumi;
  /** For an account that cannot be derived. */
  readonly accountId: string | undefined;
  readonly now: Date;
  readonly ask: Ask;
  /** Who issued the certificates of the domain's websites, as far as it can be seen. */
  readonly websites: (domain: string) => Promise<readonly ServedIssuer[]>;
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
  const written = isNew ? "" : text;
  const address = await primaryAddress(asked, means.ask, written);
  const answers = await hostAnswers(asked, means.ask, written);
  const exists = await means.pulumi.stackExists(stack);
  const found = await find(asked, means, {
    accountId: host === undefined ? textIn(written, "accountId") : host.accountId,
    fallbackAccountId: means.accountId,
    hostDomain: host?.domain,
  });

  const steps: Step[] = (await means.websites(domain)).map(websiteStep);
  const zone = await makeZone(asked, means.cloudflare, found, steps);
  const resend = await makeAtResend(asked, means.resend, found, steps);
  const values = { ...valuesOf(asked, means.now, written, zone), ...answers, primaryAddress: address };
  const owned = resend === undefined ? {} : recordsOf(resend, written);
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

/** The reason why no CAA record is written: it would have to name every authority, and only these can be seen from here. */
function websiteStep({ hostname, organisation, identifier }: ServedIssuer): Step {
  const authority = identifier === undefined ? organisation : `${organisation} (${identifier})`;
  return { what: "website", state: "found", detail: `${hostname}: ${authority}` };
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

function valuesOf({ domain, host }: Asked, now: Date, text: string, zone: Zone | undefined): Values {
  const has = keysOf(text);
  return {
    domain,
    ...(host === undefined && zone !== undefined ? { accountId: zone.accountId } : {}),
    ...(host === undefined ? {} : { hostStack: host }),
    // A key whose selector is not known is the operator's: no name is made up for it.
    ...(has.has("dkimRsaPrivateKey") ? {} : { dkimRsaSelector: selector("rsa", now) }),
    ...(has.has("dkimEd25519PrivateKey") ? {} : { dkimEd25519Selector: selector("ed25519", now) }),
  };
}

/** Resend's records, unless the stack file has the same ones in another notation. */
function recordsOf({ name, records }: ResendDomain, text: string): Values {
  const written = parseResendRecords(JSON.stringify(valueIn(text, "resendRecords") ?? []), name);
  if (written.ok && areSameRecords(written.value, records)) return {};
  return { resendRecords: records.map((record) => ({ ...record })) };
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
