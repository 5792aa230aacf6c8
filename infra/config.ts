import * as pulumi from "@pulumi/pulumi";
import { sharedHost } from "./domain/shared-host";
import { foreignValues, renderForeign } from "./settings/foreign";
import { PROJECT } from "./settings/keys";
import { furtherSettings, hasHostsDomain, hostStackOf, namesItself, parseFurther } from "./settings/further";
import { type HostOffer, parseHostOffer } from "./settings/host-offer";
import { type ParseResult, parseSettings, type RawConfig, type RawValue, renderProblems } from "./settings/parse";
import { Secret } from "./settings/secret";
import type { FurtherSettings, Settings } from "./settings/settings";

export const CLOUDFLARE_API = "https://api.cloudflare.com/client/v4";

export interface CloudflareApi {
  /** Without trailing slash. */
  readonly baseUrl: string;
  /** `undefined` when neither configuration nor environment has one. */
  readonly token: Secret | undefined;
}

/** What this stack is: the host with the first domain, or a further domain with what the host's stack offers. */
export type MailStack =
  | { readonly kind: "host"; readonly settings: Settings }
  | { readonly kind: "further"; readonly settings: FurtherSettings; readonly worker: HostOffer["worker"] };

/** Reads and checks the stack's settings. The only reader of Pulumi's configuration, together with {@link readCloudflareApi}. */
export async function readStack(): Promise<MailStack> {
  const raw = rawConfig();
  const [stack, hostStack] = [pulumi.getStack(), hostStackOf(raw)];
  if (hostStack === "") return { kind: "host", settings: settingsOf(parseSettings(raw)) };
  if (hostStack === stack) throw new pulumi.RunError(namesItself(stack));
  const values = settingsOf(parseFurther(raw));
  const offer = await readHostOffer(values.hostStack);
  if (offer.domain === values.domain) throw new pulumi.RunError(hasHostsDomain(stack, offer.domain, hostStack));
  return { kind: "further", settings: furtherSettings(values, offer), worker: offer.worker };
}

/** Whether this stack is a further domain, without a look at whether its configuration is right. */
export function isFurtherStack(): boolean {
  return hostStackOf(rawConfig()) !== "";
}

function settingsOf<T>(result: ParseResult<T>): T {
  if (result.kind === "settings") return result.settings;
  const stack = pulumi.getStack();
  // RunError: Pulumi prints the message without a stack trace, which would bury it.
  if (result.kind === "problems") throw new pulumi.RunError(renderProblems(result.problems, stack));
  throw new pulumi.RunError(`The engine handed over no plaintext of ${result.keys.join(", ")}. Nothing was changed.`);
}

/** The plain value: it decides which resources exist. */
async function readHostOffer(hostStack: string): Promise<HostOffer> {
  const reference = new pulumi.StackReference(`${pulumi.getOrganization()}/${pulumi.getProject()}/${hostStack}`);
  const details = await reference.getOutputDetails("hostOffer");
  const output: unknown = details.secretValue ?? details.value;
  const offer = parseHostOffer(output);
  if (offer !== undefined) return offer;
  throw new pulumi.RunError(
    `The stack ${hostStack} (mail:hostStack) offers no host: it has no output hostOffer of this release. Nothing was ` +
      `changed. Run its up first: pulumi up --stack ${hostStack}`,
  );
}

/** Where and as whom Cloudflare's API is asked before anything changes: as the provider does, configuration first. */
export function readCloudflareApi(): CloudflareApi {
  const config = new pulumi.Config("cloudflare");
  const token =
    nonEmpty(pulumi.runtime.getConfig("cloudflare:apiToken")) ?? nonEmpty(process.env["CLOUDFLARE_API_TOKEN"]);
  const baseUrl = nonEmpty(config.get("baseUrl")) ?? nonEmpty(process.env["CLOUDFLARE_BASE_URL"]) ?? CLOUDFLARE_API;
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol)) {
    throw new pulumi.RunError(
      "cloudflare:baseUrl (or CLOUDFLARE_BASE_URL) is no http(s) URL. " +
        `Leave it out for ${CLOUDFLARE_API}: pulumi config rm cloudflare:baseUrl --stack ${pulumi.getStack()}`,
    );
  }
  return { baseUrl: baseUrl.replace(/\/+$/, ""), token: token === undefined ? undefined : new Secret(token) };
}

/** Values that are legal but belong to another domain, one sentence each. */
export function foreignWarnings(ownZones: readonly string[]): readonly string[] {
  const raw = rawConfig();
  const shared = sharedHost(pulumi.getRootDirectory(), pulumi.getStack(), raw);
  return [...foreignValues(raw, ownZones), ...(shared === undefined ? [] : [shared])].map(renderForeign);
}

/** The project's namespace as it is, also keys that the program does not know: a misspelt key must not go unnoticed. */
function rawConfig(): RawConfig {
  const raw = new Map<string, RawValue>();
  for (const [key, text] of Object.entries(pulumi.runtime.allConfig())) {
    const [namespace, ...name] = key.split(":");
    if (namespace === PROJECT) raw.set(name.join(":"), { text, secret: isSecret(key) });
  }
  return raw;
}

/**
 * Whether a value is stored encrypted. The SDK marks `isConfigSecret` internal, so its types lack it; the supported
 * `Config.requireSecret` wraps any value, also one stored in the clear, and so cannot tell the two apart.
 */
function isSecret(key: string): boolean {
  const runtime: object = pulumi.runtime;
  if (canTellSecrets(runtime)) return runtime.isConfigSecret(key);
  throw new Error("This @pulumi/pulumi cannot tell which values are encrypted. Install the pinned one: npm ci");
}

function canTellSecrets(runtime: object): runtime is { isConfigSecret(key: string): boolean } {
  return "isConfigSecret" in runtime && typeof runtime.isConfigSecret === "function";
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === "" ? undefined : text.trim();
}
