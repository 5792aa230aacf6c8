/**
 * Asks Cloudflare before anything is declared: the provider itself retries an unreachable API silently for more than
 * three minutes, accepts a dead token until the first write, knows zones by id only, and finds R2 switched off half-way.
 */
import type { CloudflareApi } from "../config";
import { ask } from "./ask";
import { PreflightError } from "./error";
import { findTeam } from "./organisation";
import { checkR2 } from "./r2";
import { checkRateLimit } from "./rate-limit";
import { verifyToken } from "./token";
import { challengesWait, findAcmeZone, findFurtherZone, findMailZone, leftOut, waits } from "./zones";

export { PreflightError };

/** For each question. */
const TIME_BUDGET_MS = 8_000;

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
      ...(wanted === undefined || wanted.status === "active" ? [] : [challengesWait(wanted)]),
      ...others.flatMap((found) => (found !== undefined && "fact" in found ? [leftOut(found)] : [])),
    ],
  };
}
