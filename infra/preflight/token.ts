import { oneLine } from "../settings/visible";
import { type Get, isObject } from "./ask";
import { PreflightError } from "./error";

export async function verifyToken(get: Get, accountId: string): Promise<void> {
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

/** A word from the API's answer, for a message. */
function word(value: unknown): string {
  return oneLine(String(value), 100);
}
