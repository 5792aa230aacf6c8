import { setImmediate } from "node:timers/promises";

import * as pulumi from "@pulumi/pulumi";

import { CLOUDFLARE_API, foreignWarnings, isFurtherStack, readCloudflareApi, readStack } from "./config";
import { furtherRecords, mailRecords } from "./dns/records";
import type { FurtherOutputs } from "./domain/further";
import { hostReachable } from "./host/reachable";
import type { MailOutputs } from "./mail";
import { preflight, PreflightError } from "./preflight";
import { refusedIssuers, servedIssuers } from "./served-issuers";
import type { DomainSettings } from "./settings/settings";

/** The Pulumi program: configuration in, questions to Cloudflare, everything declared. */
export async function program(): Promise<MailOutputs | FurtherOutputs> {
  const [stack] = await Promise.all([readStack(), loadMeanwhile()]);
  const { settings } = stack;
  const records = stack.kind === "host" ? mailRecords(stack.settings) : furtherRecords(stack.settings);
  const furtherZones = [...new Set(records.map((record) => record.zone))].filter((zone) => zone !== settings.domain);
  const [{ zoneIds, teamName, warnings }, unreachable, refused] = await Promise.all([
    asked({
      accountId: settings.accountId,
      domain: settings.domain,
      furtherZones,
      rateLimit: settings.publicRateLimit,
      r2: settings.spool !== undefined,
      access: stack.kind === "host",
      acmeZone: stack.kind === "host" ? stack.settings.acme.zone : undefined,
    }),
    hostReachable(settings.host),
    websitesRefused(settings),
  ]);
  const unprotected = stack.kind === "host" && !settings.protect ? dependentsWarning() : undefined;
  // A zone of the same account has the same owner, so the record there that allows the reports is declared here.
  const foreign = foreignWarnings(Object.keys(zoneIds));
  for (const warning of [...warnings, ...foreign, ...refused, unreachable, unprotected])
    if (warning !== undefined) await pulumi.log.warn(warning);
  return stack.kind === "host"
    ? mail().declareMail(stack.settings, { zoneIds, teamName })
    : further().declareFurther(stack.settings, stack.worker, zoneIds);
}

/** A domain whose account is a model has no website; nothing outside is asked then. */
async function websitesRefused({ domain, caaIssuers }: DomainSettings): Promise<readonly string[]> {
  if (caaIssuers.length === 0 || readCloudflareApi().baseUrl !== CLOUDFLARE_API) return [];
  const refused = refusedIssuers(caaIssuers, await servedIssuers(domain), pulumi.getStack());
  return refused.map(({ fact, next }) => `${fact}. ${next}`);
}

function dependentsWarning(): string | undefined {
  const { dependentStacks, unprotectedHost } = dependents();
  return unprotectedHost(pulumi.getStack(), dependentStacks(pulumi.getRootDirectory(), pulumi.getStack()));
}

/** The engine takes its time to read the host's state for a further domain; what declares that is loaded meanwhile. */
async function loadMeanwhile(): Promise<void> {
  if (!isFurtherStack()) return;
  // The question to the engine goes out before the loading holds everything up.
  await setImmediate();
  further();
}

/* eslint-disable @typescript-eslint/no-require-imports -- a stack loads what it declares only, and Pulumi's TypeScript runtime resolves no import() */
const mail = () => require("./mail") as typeof import("./mail");
const dependents = () => require("./domain/dependents") as typeof import("./domain/dependents");
const further = () => require("./domain/further") as typeof import("./domain/further");
/* eslint-enable @typescript-eslint/no-require-imports */

/** A fact about the account is a mistake of the user's, not of the program's: no stack trace. */
async function asked(question: Parameters<typeof preflight>[1]): ReturnType<typeof preflight> {
  try {
    return await preflight(readCloudflareApi(), question);
  } catch (error) {
    throw error instanceof PreflightError ? new pulumi.RunError(error.message) : error;
  }
}
