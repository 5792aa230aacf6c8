/**
 * Asks Cloudflare before anything is declared: the provider itself retries an unreachable API silently for more than
 * three minutes, accepts a dead token until the first write, knows zones by id only, and finds R2 switched off half-way.
 */
import type { CloudflareApi } from "./config";
import { RATE_LIMIT_PHASE, RATE_LIMIT_REF } from "./edge/rate-limit";
import { oneLine } from "./settings/visible";
import { type ListedZone, type Obstacle, type PickedZone, pickZone, zonesNamed } from "./zone";

/** For each question. */
const TIME_BUDGET_MS = 8_000;

/** What the provider's own check of the token allows. */
const TOKEN = /^[\w-]+$/;

export interface PreflightQuestion {
  readonly accountId: string;
  /** The mail domain: its zone must exist. */
  readonly domain: string;
  /** Zones of which records are wanted besides; they may belong to somebody else. */
  readonly furtherZones: readonly string[];
  /** The zone's rate limiting rules will be the stack's. */
  readonly rateLimit: boolean;
  /** Buckets of R2 are wanted: it must be switched on for the account. */
  readonly r2: boolean;
  /** Access is wanted: the account must have a Zero Trust organisation. */
  readonly access: boolean;
  /** The zone for the certificate's challenges, when it is not the mail domain's: it must exist. */
  readonly acmeZone: string | undefined;
}

export interface PreflightAnswer {
  /** Zone ids by name, of those zones that the account has. */
  readonly zoneIds: Readonly<Record<string, string>>;
  /** The Zero Trust organisation's name, TEAM of `TEAM.cloudflareaccess.com`; "" where Access is not wanted. */
  readonly teamName: string;
  readonly warnings: readonly string[];
}

/** A fact about the account that stops the program; the text is for the operator. */
export class PreflightError extends Error {}

/**
 * @param timeBudgetMs For each question.
 * @throws PreflightError when the API cannot be reached, the token is not accepted, the mail domain's zone is missing, in
 * another account or cannot carry mail ({@link pickZone}), another zone, R2 or Access is wanted and cannot be used, or the zone
 * has rate limiting rules that the stack would replace.
 */
export async function preflight(
  api: CloudflareApi,
  question: PreflightQuestion,
  timeBudgetMs = TIME_BUDGET_MS,
): Promise<PreflightAnswer> {
  const get = (path: string) => ask(api, path, timeBudgetMs);
  const { accountId } = question;
  const verified = verifyToken(get, accountId);
  const mailZone = findMailZone(get, accountId, question.domain);
  const r2 = question.r2 ? checkR2(get, accountId) : undefined;
  const team = question.access ? findTeam(get, accountId) : undefined;
  const further = question.furtherZones.map((name) => findFurtherZone(get, accountId, name));
  const { acmeZone } = question;
  const acme = acmeZone === undefined ? undefined : findAcmeZone(get, accountId, acmeZone);
  // All at once; what is wrong is then told in this order: a token that is not accepted explains all the rest.
  await Promise.allSettled([verified, mailZone, r2, team, acme, ...further]);
  await verified;
  const zone = await mailZone;
  if ("fact" in zone) throw new PreflightError(`${zone.fact} Nothing was changed. ${zone.next}`);
  await r2;
  if (question.rateLimit) await checkRateLimit(get, zone);
  const teamName = (await team) ?? "";
  const others = await Promise.all(further);
  const wanted = await acme;
  const zones = [
    zone,
    ...(wanted === undefined ? [] : [wanted]),
    ...others.flatMap((found) => (found === undefined || "fact" in found ? [] : [found])),
  ];
  return {
    zoneIds: Object.fromEntries(zones.map(({ name, id }) => [name, id])),
    teamName,
    warnings: [
      ...(zone.status === "active" ? [] : [waits(zone)]),
      ...others.flatMap((found) => (found !== undefined && "fact" in found ? [leftOut(found)] : [])),
    ],
  };
}

function waits({ name, status, nameServers }: ListedZone): string {
  return (
    `The zone ${name} is ${status}: mail arrives only once the registrar names ${nameServers.join(" and ")}. ` +
    "On the free plan Cloudflare deletes a zone that waits longer than 28 days."
  );
}

function leftOut({ fact }: Obstacle): string {
  return `${fact} This stack's records for it are left out; publish them where its name servers are (output nextSteps).`;
}

type Get = (path: string) => Promise<Answer>;

interface Answer {
  readonly status: number;
  readonly result: unknown;
  /** Codes of the API's errors. */
  readonly codes: readonly unknown[];
}

async function verifyToken(get: Get, accountId: string): Promise<void> {
  // Tokens that belong to a user and tokens that belong to the account are verified at different places.
  for (const path of ["/user/tokens/verify", `/accounts/${accountId}/tokens/verify`]) {
    const { status, result } = await get(path);
    if (status === 200 && isObject(result) && result["status"] === "active") return;
    if (status === 200 && isObject(result))
      throw new PreflightError(
        `The Cloudflare API token is ${word(result["status"])}. Nothing was changed. Make a new token and set it: ` +
          `pulumi config set --secret cloudflare:apiToken`,
      );
  }
  throw new PreflightError(
    "Cloudflare does not accept the API token. Nothing was changed. Set a valid one: " +
      "pulumi config set --secret cloudflare:apiToken, or the variable CLOUDFLARE_API_TOKEN.",
  );
}

async function findMailZone(get: Get, accountId: string, name: string): Promise<ListedZone | Obstacle> {
  return pickZone(await ownZones(get, accountId, name)) ?? (await noZone(get, accountId, name));
}

/** It only has to answer a TXT question, which a paused zone does. Undefined: the account has none. */
async function findFurtherZone(get: Get, accountId: string, name: string): Promise<PickedZone> {
  return pickZone((await ownZones(get, accountId, name)).map((zone) => ({ ...zone, isPaused: false })));
}

/** The zone of `mail:acmeZone`, which must answer. */
async function findAcmeZone(get: Get, accountId: string, name: string): Promise<ListedZone> {
  const zone = await findFurtherZone(get, accountId, name);
  if (zone !== undefined && !("fact" in zone)) return zone;
  const fact = zone?.fact ?? `The Cloudflare account ${accountId} has no zone ${name} that this token can see.`;
  throw new PreflightError(
    `${fact} It is the zone of mail:acmeZone. Nothing was changed. Add it in Cloudflare's dashboard or give the token access ` +
      "to it, then run the command again. Or do without: pulumi config rm mail:acmeZone",
  );
}

async function ownZones(get: Get, accountId: string, name: string): Promise<readonly ListedZone[]> {
  const listed = await listZones(get, name, { name, "account.id": accountId });
  return listed.filter((zone) => zone.id !== "" && (zone.accountId === "" || zone.accountId === accountId));
}

/** The token may see the zone in another account. */
async function noZone(get: Get, accountId: string, name: string): Promise<Obstacle> {
  const elsewhere = await listZones(get, name, { name });
  const other = elsewhere.find((zone) => zone.accountId !== "" && zone.accountId !== accountId)?.accountId;
  if (other === undefined)
    return {
      fact: `The Cloudflare account ${accountId} has no zone ${name} that this token can see.`,
      next:
        "Add the domain in Cloudflare's dashboard or give the token access to it, then run the command again; " +
        "allowed for mail:domain are zones of mail:accountId.",
    };
  return {
    fact:
      `The Cloudflare account ${accountId} (mail:accountId) has no zone ${name}: it is in the account ${other}, and a Worker ` +
      "serves the zones of its own account only.",
    next: `Move the zone to the account ${accountId}, or name the zone's account: pulumi config set mail:accountId ${other}`,
  };
}

async function listZones(get: Get, name: string, query: Readonly<Record<string, string>>) {
  const { status, result } = await get(`/zones?${new URLSearchParams(query).toString()}`);
  if (status !== 200 || !Array.isArray(result))
    throw new PreflightError(
      `Cloudflare refused the look-up of the zone ${name} (HTTP ${status}). Nothing was changed. Give the token the ` +
        "permission Zone Read and run the command again.",
    );
  return zonesNamed(name, result);
}

/** "Please enable R2 through the Cloudflare Dashboard." (workers-sdk issue 2877). */
const R2_IS_OFF = 10_042;

async function checkR2(get: Get, accountId: string): Promise<void> {
  const { status, codes } = await get(`/accounts/${accountId}/r2/buckets?per_page=1`);
  const without = "Or do without a spool, so that the sending servers keep the mail: pulumi config set mail:spool none";
  if (codes.includes(R2_IS_OFF))
    throw new PreflightError(
      `R2 is not switched on for the Cloudflare account ${accountId}, so mail could not wait there while home is down. ` +
        `Nothing was changed. Switch R2 on in Cloudflare's dashboard, then run the command again. ${without}`,
    );
  if (status === 401 || status === 403)
    throw new PreflightError(
      `Cloudflare does not let this token see the R2 buckets of the account ${accountId} (HTTP ${status}). Nothing was ` +
        `changed. Give the token the permission Workers R2 Storage Write, then run the command again. ${without}`,
    );
  if (status !== 200)
    throw new PreflightError(
      `Cloudflare refused to list the R2 buckets of the account ${accountId} (HTTP ${status}). Nothing was changed. Look ` +
        `at R2 in Cloudflare's dashboard, then run the command again. ${without}`,
    );
}

/** Where Access logs people in and shows the keys that it signs tokens with. */
const TEAM_DOMAIN = ".cloudflareaccess.com";

/** The tunnel must know it, to check the tokens of Access itself (infra/edge/ingress.ts). */
async function findTeam(get: Get, accountId: string): Promise<string> {
  const { status, result } = await get(`/accounts/${accountId}/access/organizations`);
  if (status === 401 || status === 403)
    throw new PreflightError(
      `Cloudflare does not let this token see the Zero Trust organisation of the account ${accountId} (HTTP ${status}), or ` +
        "there is none. Nothing was changed. Open Zero Trust in Cloudflare's dashboard once and choose a team name, give the " +
        "token the permission Access: Organizations, Identity Providers, and Groups Read, then run the command again.",
    );
  const domain = isObject(result) ? result["auth_domain"] : undefined;
  if (status !== 200 || typeof domain !== "string")
    throw new PreflightError(
      `The Cloudflare account ${accountId} has no Zero Trust organisation (HTTP ${status}), so nothing could guard the ` +
        "Worker's way home. Nothing was changed. Open Zero Trust in Cloudflare's dashboard once and choose a team name, then " +
        "run the command again.",
    );
  const team = domain.endsWith(TEAM_DOMAIN) ? domain.slice(0, -TEAM_DOMAIN.length) : "";
  if (/^[a-z0-9-]+$/.test(team)) return team;
  throw new PreflightError(
    `The login domain of the Zero Trust organisation of the account ${accountId} is not TEAM${TEAM_DOMAIN}, so the tunnel ` +
      "could not check the tokens of Access. Nothing was changed. Look at it in Cloudflare's dashboard, Zero Trust, Settings.",
  );
}

/** Rules that the program did not make would be lost, and a second set of them is refused half-way (20217). */
async function checkRateLimit(get: Get, { id, name }: ListedZone): Promise<void> {
  const { status, result } = await get(`/zones/${id}/rulesets/phases/${RATE_LIMIT_PHASE}/entrypoint`);
  if (status === 404) return;
  const without = "Or look after the rules yourself (docs/start.md): pulumi config set mail:publicRateLimit false";
  if (status === 401 || status === 403)
    throw new PreflightError(
      `Cloudflare does not let this token see the rate limiting rules of the zone ${name} (HTTP ${status}). Nothing was ` +
        `changed. Give the token the permission Zone WAF Write, then run the command again. ${without}`,
    );
  if (status !== 200 || !isObject(result))
    throw new PreflightError(
      `Cloudflare refused to show the rate limiting rules of the zone ${name} (HTTP ${status}). Nothing was changed. Look ` +
        `at Security rules in Cloudflare's dashboard, then run the command again. ${without}`,
    );
  const rules: readonly unknown[] = Array.isArray(result["rules"]) ? result["rules"] : [];
  if (rules.length > 0 && rules.every((rule) => isObject(rule) && rule["ref"] === RATE_LIMIT_REF)) return;
  if (rules.length === 0)
    throw new PreflightError(
      `The zone ${name} has an empty set of rate limiting rules, beside which Cloudflare refuses the stack's. Nothing was ` +
        `changed. Delete the set (API: DELETE /zones/${id}/rulesets/${String(result["id"])}), then run the command again. ${without}`,
    );
  throw new PreflightError(
    `The zone ${name} has rate limiting rules of its own (${rules.length}), which this stack would replace. Nothing was ` +
      `changed. Keep them, and add one for the public Worker (docs/start.md): pulumi config set mail:publicRateLimit false`,
  );
}

async function ask(api: CloudflareApi, path: string, timeBudgetMs: number): ReturnType<Get> {
  if (!api.token)
    throw new PreflightError(
      "There is no Cloudflare API token. Nothing was changed. Set one: pulumi config set --secret cloudflare:apiToken, " +
        "or the variable CLOUDFLARE_API_TOKEN.",
    );
  if (!TOKEN.test(api.token.reveal()))
    throw new PreflightError(
      "The Cloudflare API token has characters that no token has; allowed are a-z, A-Z, 0-9, - and _. Nothing was " +
        "changed. Set it again: pulumi config set --secret cloudflare:apiToken, or the variable CLOUDFLARE_API_TOKEN.",
    );
  try {
    const response = await fetch(`${api.baseUrl}${path}`, {
      headers: { authorization: `Bearer ${api.token.reveal()}` },
      signal: AbortSignal.timeout(timeBudgetMs),
      redirect: "error",
    });
    // Says nothing about the token.
    if (response.status === 429 || response.status >= 500) throw new Error(`HTTP ${response.status}`);
    const body: unknown = await response.json();
    const { result, errors } = isObject(body) ? body : {};
    const codes = Array.isArray(errors) ? errors.map((error: unknown) => isObject(error) && error["code"]) : [];
    return { status: response.status, result, codes };
  } catch {
    // The cause can name the request, and the request carries the token.
    throw new PreflightError(
      `Cloudflare's API at ${api.baseUrl} gave no proper answer within ${timeBudgetMs / 1000} s. Nothing was changed. ` +
        "Check the network (and CLOUDFLARE_BASE_URL, if set), then run the command again.",
    );
  }
}

/** What the API says of something, for a message. */
function word(value: unknown): string {
  return oneLine(String(value), 100);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
