import type { Get } from "./ask";
import { PreflightError } from "./error";

/** "Please enable R2 through the Cloudflare Dashboard." (workers-sdk issue 2877). */
const R2_IS_OFF = 10_042;

export async function checkR2(get: Get, accountId: string): Promise<void> {
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
