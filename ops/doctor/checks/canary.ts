import { type Check, error, ok, skipped } from "../check";
import type { HostDeployment } from "../context";
import { LoginRefused } from "../inside/jmap";

const area = "canary";
const SEND_BUDGET_MS = 12_000;
/** More than the client waits. */
const ARRIVAL_BUDGET_MS = 90_000;

/** One mail out by the relay, in by the MX, on request only. */
export function canaryChecks({ settings, stack }: HostDeployment): readonly Check[] {
  return [
    {
      id: "canary.sent",
      area,
      title: "The relay takes a mail",
      why: "All mail that people here write leaves by it.",
      needs: [],
      credentials: ["canary", "secrets"],
      budgetMs: SEND_BUDGET_MS,
      run: async ({ canary }) => {
        const status = await canary.send();
        if (status >= 200 && status < 300) return ok(`HTTP ${status} of Resend`);
        return error(
          `HTTP ${status} of Resend`,
          "HTTP 200",
          `Look at https://resend.com/domains; a new key: npm run rotate -- resend-key --stack ${stack}`,
        );
      },
    },
    {
      id: "canary.arrived",
      area,
      title: `It arrives in the mailbox`,
      why: "It is what everything else here is for.",
      needs: ["canary.sent"],
      credentials: ["canary", "secrets"],
      budgetMs: ARRIVAL_BUDGET_MS,
      run: async ({ canary }) => {
        const start = Date.now();
        const expected = `in the mailbox of ${settings.primaryAddress} within ${canary.arrivalMs / 1_000} s`;
        try {
          if (await canary.arrived()) return ok(`after ${((Date.now() - start) / 1_000).toFixed(1)} s`, expected);
        } catch (thrown) {
          if (!(thrown instanceof LoginRefused)) throw thrown;
          return skipped("the account has another password; set MAIL_STACK_CANARY_PASSWORD", expected);
        }
        return error(
          "not there",
          expected,
          `npm run spool -- ${stack} list; npx wrangler tail ${settings.workerName}; https://resend.com/emails says what the MX answered`,
        );
      },
    },
  ];
}
