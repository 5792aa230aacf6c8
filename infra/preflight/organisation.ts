import { type Get, isObject } from "./ask";
import { PreflightError } from "./error";

/** The domain where Access logs people in and publishes the keys that it signs tokens with. */
const TEAM_DOMAIN = ".cloudflareaccess.com";

/** The tunnel must know it, to check the tokens of Access itself (infra/edge/ingress.ts). */
export async function findTeam(get: Get, accountId: string): Promise<string> {
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
