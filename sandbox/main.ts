/** `npm run sandbox`: the whole deployment on this machine, without any account. */
import { join } from "node:path";
import { parseArgs } from "node:util";

import { STACK_DIRECTORY_VARIABLE, stackDirectory, useDocumentedStack } from "../infra/settings/stack-file";
import { print, warn } from "../ops/output";
import { type BreakName, BREAKS } from "./breaks";
import { Cleanup } from "./cleanup";
import { explain } from "./explain";
import type { Spooled } from "./outage";
import type { Reached } from "./phone";
import { progressOn, silent } from "./progress";
import { run, type RunReport } from "./run";
import { temporaryFolder } from "./temporary";

const USAGE = `Usage: npm run sandbox -- [options]

Converges the deployment of a stack file on the real Pulumi engine against a
model of the outside world, shows that a second up changes nothing, and
delivers a message through what was declared. Needs no account.

  --stack NAME      your stack file (default: the deployment that docs/ describes)
  --keep            leave it running until Ctrl-C and say how to send to it
  --port PORT       SMTP port of the MX (default: any free port)
  --delivery WAY    how the Worker brings mail home: jmap (default) or lmtp
  --domains COUNT   that many domains on the host, each with its stack (default: 1)
  --break LINK      break one link on purpose; the run must then fail:
                    ${inLines(Object.keys(BREAKS))}
  --without-engine  behave as on a machine that has no Pulumi engine
  --json            print the report as JSON
  --help            this text

Exit codes: 0 delivered, 1 not, 2 wrong usage, 130 interrupted.`;

/** Names of links, some in each line of the usage. */
function inLines(names: readonly string[]): string {
  const lines = names.flatMap((_, at) => (at % 4 === 0 ? [names.slice(at, at + 4).join(", ")] : []));
  return lines.join(`,\n${" ".repeat(20)}`);
}

/** By convention 128 and the number of SIGINT. */
const INTERRUPTED = 130;
/** How often the clock of the cron triggers strikes while the run is kept. */
const CRON_MS = 30_000;

interface Options {
  readonly stack: string;
  readonly keep: boolean;
  readonly json: boolean;
  readonly withoutEngine: boolean;
  readonly domains: number;
  readonly break: BreakName | undefined;
  readonly delivery: "jmap" | "lmtp" | undefined;
  readonly port: number | undefined;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === "number") return options;
  const started = performance.now();
  const cleanup = new Cleanup();
  const mailFolder = options.keep ? temporaryFolder() : undefined;
  cleanup.add(() => mailFolder?.remove());
  const interrupted = onInterrupt();
  try {
    const report = await Promise.race([
      interrupted,
      run({
        stack: options.stack,
        domains: options.domains,
        progress: options.json ? silent : progressOn(),
        withoutEngine: options.withoutEngine,
        ...(options.delivery === undefined ? {} : { delivery: options.delivery }),
        ...(options.break === undefined ? {} : { break: options.break }),
        ...(options.port === undefined ? {} : { smtpPort: options.port }),
        ...(mailFolder === undefined ? {} : { mailFolder: mailFolder.path }),
        cleanup,
      }),
    ]);
    if (report === "interrupted") return INTERRUPTED;
    const seconds = (performance.now() - started) / 1000;
    print(options.json ? `${json(report, seconds)}\n` : `\n${text(report, seconds)}`);
    if (options.keep) {
      sayHowToUse(report, options.stack, mailFolder?.path ?? "");
      const clock = setInterval(() => void report.outside.cron().catch(() => undefined), CRON_MS);
      cleanup.add(() => clearInterval(clock));
      await interrupted;
    }
    return report.changes === undefined || report.changes === 0 ? 0 : 1;
  } catch (error) {
    warn(`\n${explain(error)}\n`);
    return 1;
  } finally {
    await cleanup.run();
  }
}

/** The default without `--stack`, so that the run does not depend on the stack files of the checkout's owner. */
function documentedStack(): string {
  useDocumentedStack();
  return "prod";
}

function readOptions(): Options | number {
  try {
    const { values } = parseArgs({
      options: {
        stack: { type: "string" },
        keep: { type: "boolean", default: false },
        port: { type: "string" },
        domains: { type: "string", default: "1" },
        break: { type: "string" },
        delivery: { type: "string" },
        "without-engine": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      print(`${USAGE}\n`);
      return 0;
    }
    return {
      stack: values.stack ?? documentedStack(),
      keep: values.keep,
      json: values.json,
      withoutEngine: values["without-engine"],
      delivery: values.delivery === undefined ? undefined : deliveryName(values.delivery),
      domains: domainCount(values.domains),
      break: values.break === undefined ? undefined : breakName(values.break),
      port: values.port === undefined ? undefined : portNumber(values.port),
    };
  } catch (error) {
    warn(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    return 2;
  }
}

function breakName(text: string): BreakName {
  const name = (Object.keys(BREAKS) as BreakName[]).find((candidate) => candidate === text);
  if (!name) throw new Error(`--break ${text} is no link. Allowed: ${Object.keys(BREAKS).join(", ")}.`);
  return name;
}

function deliveryName(text: string): "jmap" | "lmtp" {
  if (text === "jmap" || text === "lmtp") return text;
  throw new Error(`--delivery ${text} is no way in. Allowed: jmap, lmtp.`);
}

function domainCount(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--domains ${text} is no number of domains. Allowed: 1 to 999.`);
  return Number(text);
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`--port ${text} is no port. Allowed: 1 to 65535.`);
  return port;
}

function text(report: RunReport, seconds: number): string {
  const { engine, noEngine, deliveries, resources, changes } = report;
  const lines = [
    `engine      ${engine ? engine.source : "none: the program ran on the SDK's mocks"}`,
    `first up    ${resources} resources`,
    `second up   ${changes === undefined ? "not exercised" : `${changes} changes, after a refresh`}`,
    ...deliveries.map(({ recipient }) => `delivered   ${recipient}`),
    ...deliveries
      .slice(0, 1)
      .flatMap(({ sent, stored, traceBytes }) => [
        `sent        ${sent.bytes} bytes, SHA-256`,
        `            ${sent.sha256}`,
        `in mailbox  ${stored.bytes} bytes after ${traceBytes} of trace headers, SHA-256`,
        `            ${stored.sha256}`,
      ]),
    `mta-sts     policy covers ${report.policyCovers.length} MX: ${report.policyCovers.map((host) => host.split(".")[0] ?? "").join(", ")}`,
    ...(report.autoconfig === undefined ? [] : [`autoconfig  IMAP at ${report.autoconfig}, said while home was down`]),
    ...(report.phone === undefined ? [] : [phoneText(report.phone)]),
    ...(report.spooled === undefined ? [] : [spooledText(report.spooled)]),
    `time        ${seconds.toFixed(1)} s`,
  ];
  if (noEngine)
    lines.push(
      "",
      "Without an engine state, diff and the second up were not exercised:",
      ...noEngine.reasons.map((line) => `  ${line}`),
      "To have them, install Pulumi (https://www.pulumi.com/docs/install/) or Go 1.26 or",
      "newer, with which the engine is built once, and run this again.",
    );
  return `${lines.join("\n")}\n`;
}

function phoneText({ name, address, messages }: Reached): string {
  return `phone       ${name} is ${address} on the tailnet; IMAP has ${messages} messages`;
}

function spooledText({ sent, delivered, twice }: Spooled): string {
  return `spool       home down: ${sent} sent, all accepted; up again: ${delivered} in the mailbox, ${twice} twice`;
}

function json({ engine, resources, changes, deliveries, ...checks }: RunReport, seconds: number): string {
  const { policyCovers, autoconfig, phone, spooled } = checks;
  const rounded = Number(seconds.toFixed(1));
  const report = { resources, changes, deliveries, policyCovers, autoconfig, phone, spooled, seconds: rounded };
  return JSON.stringify({ engine: engine?.source, ...report }, null, 2);
}

function sayHowToUse({ outside, settings }: RunReport, stack: string, mailFolder: string): void {
  const { primaryAddress, spool } = settings;
  const look = `
Look into the spool, which is tried every ${CRON_MS / 1000} s:
  CLOUDFLARE_BASE_URL=${outside.apiUrl} CLOUDFLARE_API_TOKEN=${outside.world.apiToken} \\
  CLOUDFLARE_ACCOUNT_ID=${outside.world.accountId} ${STACK_DIRECTORY_VARIABLE}=${stackDirectory()} \\
  npm run spool -- ${stack} list`;
  print(`
Running. Send a message:
  swaks --server 127.0.0.1:${outside.mx.port} --to ${primaryAddress}
  curl smtp://127.0.0.1:${outside.mx.port} --mail-rcpt ${primaryAddress} -T FILE
Look into the mailbox:
  ls ${join(mailFolder, primaryAddress, "Inbox")}
  curl -Lu ${primaryAddress}:${settings.stalwart.accountPassword.reveal()} http://127.0.0.1:${outside.host.mailPort() ?? 0}/.well-known/jmap${spool ? look : ""}
Ctrl-C ends it and removes everything.
`);
}

/** Resolves at the first Ctrl-C. Later ones are ignored: npm and tsx pass on the one that the terminal sent to all. */
function onInterrupt(): Promise<"interrupted"> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve("interrupted"));
  });
}

// What an interrupted run had under way must not keep the process alive.
void main().then((code) => process.exit(code));
