import { randomUUID } from "node:crypto";

import type { Settings } from "../../../infra/settings/settings";
import { isProps, listOf, type Props, textOf, textsOf } from "../../adopt/props";
import type { Canary } from "../context";
import type { Fetch } from "./jmap";
import { LoginRefused } from "./jmap";

const RESEND_API = "https://api.resend.com/emails";
const TIME_MS = 10_000;
/** Cloudflare, the Worker and Stalwart take seconds; mail that home does not take waits for the clock's next minute. */
export const ARRIVAL_MS = 75_000;
const POLL_MS = 1_000;
const NEWEST = 30;
const MAIL = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"] as const;

/**
 * A mail to the primary address by Resend's API, and the look for it over JMAP as that account. The password is the stack's
 * first one unless MAIL_STACK_CANARY_PASSWORD has the one of today.
 */
export function canaryClient(
  { domain, hostnames, primaryAddress, resend, stalwart }: Settings,
  environment: NodeJS.ProcessEnv,
  ask: Fetch,
  arrivalMs: number,
): Canary {
  const subject = `mail-stack canary ${randomUUID()}`;
  const password = environment["MAIL_STACK_CANARY_PASSWORD"] ?? stalwart.accountPassword.reveal();
  const authorization = `Basic ${Buffer.from(`${primaryAddress}:${password}`).toString("base64")}`;
  const server = `https://${hostnames.server}`;
  return {
    async send() {
      const response = await asked(RESEND_API, resend.apiKey.reveal(), {
        from: `mail-stack doctor <doctor@${domain}>`,
        to: [primaryAddress],
        subject,
        text: "The doctor of mail-stack sent this to see whether mail arrives. It may be deleted.\n",
      });
      return response.status;
    },
    arrivalMs,
    async arrived() {
      const end = Date.now() + arrivalMs;
      for (;;) {
        if ((await newest()).some((one) => textOf(one["subject"]) === subject)) return true;
        if (Date.now() + POLL_MS > end) return false;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
  };

  async function asked(url: string, token: string, body: object): Promise<Response> {
    return await ask(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(TIME_MS),
    });
  }

  async function newest(): Promise<readonly Props[]> {
    const session = await json("/jmap/session", {});
    const accounts = session["primaryAccounts"];
    const accountId = isProps(accounts) ? textOf(accounts["urn:ietf:params:jmap:mail"]) : "";
    const sort = [{ property: "receivedAt", isAscending: false }];
    const { ids } = await method("Email/query", { accountId, sort, limit: NEWEST });
    return listOf((await method("Email/get", { accountId, ids: textsOf(ids), properties: ["subject"] }))["list"]);
  }

  async function method(name: string, args: object): Promise<Props> {
    const body = JSON.stringify({ using: MAIL, methodCalls: [[name, args, "0"]] });
    const answers: unknown = (await json("/jmap", { method: "POST", body }))["methodResponses"];
    const [answer] = Array.isArray(answers) ? (answers as readonly unknown[]) : [];
    const result: unknown = Array.isArray(answer) && answer[0] === name ? answer[1] : undefined;
    if (isProps(result)) return result;
    throw new Error(`Stalwart refuses ${name}`);
  }

  async function json(path: string, init: RequestInit): Promise<Props> {
    const response = await ask(`${server}${path}`, {
      ...init,
      headers: { authorization, "content-type": "application/json" },
      redirect: "error",
      signal: AbortSignal.timeout(TIME_MS),
    });
    if (response.status === 401) throw new LoginRefused("HTTP 401");
    if (response.status !== 200) throw new Error(`Stalwart answers JMAP with HTTP ${response.status}`);
    const body: unknown = await response.json();
    return isProps(body) ? body : {};
  }
}
