import { ADMIN_ACCOUNT } from "../../../infra/host/stalwart/names";
import type { Settings } from "../../../infra/settings/settings";
import { isProps, type Props } from "../../adopt/props";
import { type Jmap, Unreachable } from "../context";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const TIME_MS = 3_500;
/** Of the edge, when the tunnel or what is behind it does not answer. */
const HOME_IS_DOWN = new Set([502, 503, 504, 522, 523, 530]);

/** Stalwart refused the login. */
export class LoginRefused extends Error {
  override readonly name = "LoginRefused";
}

/** Stalwart by the way that people take, as its permanent administrator. */
export function jmapClient(
  { domain, hostnames, stalwart }: Pick<Settings, "domain" | "hostnames" | "stalwart">,
  ask: Fetch,
): Jmap {
  return {
    async call(using, calls) {
      const login = `${ADMIN_ACCOUNT}@${domain}:${stalwart.adminPassword.reveal()}`;
      const response = await reached(
        ask(`https://${hostnames.server}/jmap`, {
          method: "POST",
          headers: {
            authorization: `Basic ${Buffer.from(login).toString("base64")}`,
            "content-type": "application/json",
          },
          body: JSON.stringify({ using, methodCalls: calls }),
          redirect: "error",
          signal: AbortSignal.timeout(TIME_MS),
        }),
      );
      if (HOME_IS_DOWN.has(response.status)) throw new Unreachable(`the tunnel answers HTTP ${response.status}`);
      if (response.status === 401 || response.status === 403) throw new LoginRefused(`HTTP ${response.status}`);
      if (response.status !== 200) throw new Error(`Stalwart answers JMAP with HTTP ${response.status}`);
      const body: unknown = await response.json();
      const answers: unknown = isProps(body) ? body["methodResponses"] : undefined;
      return Array.isArray(answers) ? answers.filter(isAnswer) : [];
    },
  };
}

async function reached(response: Promise<Response>): Promise<Response> {
  try {
    return await response;
  } catch {
    // The cause can name the request, and the request carries the password.
    throw new Unreachable("Stalwart gives no answer");
  }
}

function isAnswer(value: unknown): value is readonly [string, Props, string] {
  if (!Array.isArray(value)) return false;
  const [name, result, id] = value as readonly unknown[];
  return typeof name === "string" && isProps(result) && typeof id === "string";
}
