/** `npm run reports`: the DMARC and TLS reports that arrive, readable. */
import { writeFileSync } from "node:fs";
import { organisationalDomain } from "../infra/dns/reports";
import { domainOf } from "../infra/settings/mailbox";
import { routingRecords } from "../infra/dns/routing";
import type { DomainSettings } from "../infra/settings/settings";
import { resendSelectors } from "../infra/settings/resend";
import { StackFileError } from "../infra/settings/stack-file";
import { crash, finish, type Output } from "./output";
import { publicDomainSettings } from "./public-settings";
import { argumentsOf, USAGE } from "./reports/arguments";
import { renderHtml } from "./reports/html";
import { loginOf } from "./reports/login";
import { reportMails, ReportsError } from "./reports/mailbox";
import { readAll } from "./reports/read-all";
import { renderText } from "./reports/render";
import type { Sender } from "./reports/summary";

/** The command as a function of its arguments, its environment and the time. */
export async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  now: Date = new Date(),
): Promise<Output> {
  const asked = argumentsOf(args, now);
  if (asked === "help") return { code: 0, stdout: USAGE };
  if ("fault" in asked) return { code: 2, stderr: `${asked.fault}\n\n${USAGE}` };
  try {
    const settings = publicDomainSettings(asked.stack);
    const addresses = addressesOf(settings, environment);
    const mails = reportMails(loginOf(settings, environment), addresses, asked.since);
    const summary = await readAll(mails, senderOf(settings));
    if (asked.json) return { code: 0, stdout: `${JSON.stringify({ stack: asked.stack, ...summary }, undefined, 2)}\n` };
    if (asked.html === undefined) return { code: 0, stdout: renderText(summary) };
    write(asked.html, renderHtml(summary));
    return { code: 0, stdout: `written  ${asked.html}\n` };
  } catch (error) {
    if (!(error instanceof ReportsError) && !(error instanceof StackFileError)) throw error;
    return { code: 1, stderr: `${error.message}\n` };
  }
}

function write(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw new ReportsError(
      `${file} cannot be written (${code}). The reports were read. Name another file after --html.`,
    );
  }
}

/** Reports that go to another organisation are not in a mailbox of this deployment, unless the operator names one. */
function addressesOf(
  { domain, dmarc, tlsReportAddress }: DomainSettings,
  environment: NodeJS.ProcessEnv,
): readonly string[] {
  const addresses = [dmarc.aggregateAddress, tlsReportAddress];
  const isHere = (address: string) => organisationalDomain(domainOf(address)) === organisationalDomain(domain);
  if (addresses.some(isHere) || environment["MAIL_USER"]) return addresses;
  throw new ReportsError(
    `The reports about ${domain} go to ${addresses.join(" and ")}, which is not a mailbox of this stack. No report was read. ` +
      "Set MAIL_JMAP_URL, MAIL_USER and MAIL_PASSWORD for that mailbox.",
  );
}

function senderOf(settings: DomainSettings): Sender {
  const { domain, dkim, resend, dmarc } = settings;
  const envelopes = resend.records.filter(({ name }) => !name.includes("_domainkey")).map(({ name }) => name);
  // Resend's names as long as its records are not in the stack file.
  const selectors = resend.records.length > 0 ? resendSelectors(resend.records) : ["resend"];
  const bounces = envelopes.length > 0 ? [...new Set(envelopes)] : ["send"];
  return {
    domain,
    selectors: [dkim.rsa.selector, dkim.ed25519.selector, ...selectors],
    envelopes: bounces.map((name) => `${name}.${domain}`),
    exchangers: routingRecords(settings).flatMap(({ data }) => (data.type === "MX" ? [data.target] : [])),
    policy: dmarc.policy,
  };
}

if (require.main === module) void run(process.argv.slice(2), process.env).then(finish, crash);
