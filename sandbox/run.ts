import { readFileSync } from "node:fs";
import { join } from "node:path";

import { COMPATIBILITY_DATE } from "../infra/edge/worker";
import { program } from "../infra/program";
import type { Settings } from "../infra/settings/settings";
import { settingsOf } from "../infra/settings/stack-file";
import { checkAutoconfig } from "./autoconfig";
import { type BreakName, broken } from "./breaks";
import { Cleanup } from "./cleanup";
import { type Converged, convergeWithoutEngine, up, upAgain } from "./converge";
import { clockFault, ClockIsBehind } from "./edge/miniflare";
import { type Engine, findEngine, type NoEngine } from "./engine/find";
import { Interruptible } from "./engine/interruptible";
import { serveProviders } from "./engine/providers";
import { createStack } from "./engine/stack";
import { furtherStack, furtherWithoutEngine } from "./further";
import { checkPolicy } from "./mta-sts";
import { type Outside, startOutside } from "./outside";
import { outage, type Spooled } from "./outage";
import { checkPhone, type Reached } from "./phone";
import type { Progress } from "./progress";
import { deliver, type Delivery } from "./send";
import { type StandIns, standIns } from "./stand-ins";

export interface RunOptions {
  readonly stack: string;
  /** In place of what the stack file says. */
  readonly delivery?: Settings["inboundDelivery"];
  /** How many domains the host carries; each but the first with a stack of its own. */
  readonly domains?: number;
  readonly progress: Progress;
  readonly break?: BreakName;
  /** Behave as on a machine without any engine. */
  readonly withoutEngine?: boolean;
  readonly smtpPort?: number;
  readonly mailFolder?: string;
  /** Takes what the run leaves open, for a caller that may be interrupted; a failed run has ended itself. */
  readonly cleanup?: Cleanup;
}

export interface RunReport {
  readonly settings: Settings;
  readonly outside: Outside;
  /** Undefined: the program ran on the SDK's mocks. */
  readonly engine: Engine | undefined;
  readonly noEngine: NoEngine | undefined;
  readonly resources: number;
  /** Changes of the second `up`s; undefined when there was no engine. */
  readonly changes: number | undefined;
  readonly deliveries: readonly Delivery[];
  /** The MX hosts, as the MTA-STS policy covers them. */
  readonly policyCovers: readonly string[];
  /** Host and port of IMAP, as mail clients learn them while home is down; undefined when IMAP is not offered. */
  readonly autoconfig: string | undefined;
  /** What a phone on the tailnet found; undefined when there is no tailnet. */
  readonly phone: Reached | undefined;
  /** What became of mail that came while home was down; undefined when there is no spool. */
  readonly spooled: Spooled | undefined;
}

const MESSAGE = readFileSync(join(__dirname, "messages", "parts.eml"));

/** The main job: converge the deployment, converge it again, deliver messages. */
export async function run(options: RunOptions): Promise<RunReport> {
  const { progress, stack, cleanup = new Cleanup() } = options;
  const fault = clockFault(COMPATIBILITY_DATE);
  if (fault !== undefined) throw new ClockIsBehind(fault);
  const invented = standIns(stack, options.delivery === undefined ? {} : { inboundDelivery: options.delivery });
  const settings = settingsOf(stack, invented);
  const engine: Engine | NoEngine =
    options.withoutEngine === true ? { command: undefined, reasons: ["asked for"] } : await findEngine(progress);
  const outside = await progress.step("starting the world outside: cloud, MX, mail host", () =>
    startOutside(settings, invented, {
      ...(options.smtpPort === undefined ? {} : { smtpPort: options.smtpPort }),
      ...(options.mailFolder === undefined ? {} : { mailFolder: options.mailFolder }),
    }),
  );
  cleanup.add(() => outside.close());
  try {
    const theProgram = options.break === undefined ? program : broken(options.break, program);
    const further = Array.from({ length: (options.domains ?? 1) - 1 }, (_, at) => `domain-${at + 2}.example`);
    const { converged, changes } =
      engine.command === undefined
        ? await onMocks(options, invented, outside, theProgram, further)
        : await onEngine(options, engine, invented, outside, theProgram, further, cleanup);
    const deliveries = await deliverAll(settings, outside, progress);
    const phone =
      settings.tailnet &&
      (await progress.step("a phone on the tailnet: DNS by UDP, IMAP over TLS", () => checkPhone(outside, settings)));
    for (const domain of further) deliveries.push(...(await deliverFurther(domain, outside, progress)));
    const { spool } = settings;
    const spooled =
      spool &&
      (await progress.step("mail host down, 20 messages by SMTP, up again, cron", () =>
        outage(outside, settings.primaryAddress, spool.bucket),
      ));
    const policyCovers = await progress.step("HTTPS to the MTA-STS policy", () =>
      checkPolicy(outside, settings.domain),
    );
    const autoconfig = settings.services.includes("imaps")
      ? await progress.step("HTTPS to autoconfig while the mail host is paused", () =>
          checkAutoconfig(outside, settings),
        )
      : undefined;
    return {
      settings,
      outside,
      engine: engine.command === undefined ? undefined : engine,
      noEngine: engine.command === undefined ? engine : undefined,
      resources: converged.resources,
      changes,
      deliveries,
      policyCovers,
      autoconfig,
      phone,
      spooled,
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

async function onEngine(
  { progress, stack: name }: RunOptions,
  { command }: Engine,
  invented: StandIns,
  outside: Outside,
  theProgram: typeof program,
  further: readonly string[],
  cleanup: Cleanup,
): Promise<{ converged: Converged; changes: number }> {
  const providers = await serveProviders(outside.world);
  cleanup.add(() => providers.close());
  const work = new Interruptible();
  // Before the engine's folders are removed.
  const removes: (() => void)[] = [];
  cleanup.add(async () => {
    await work.end();
    for (const remove of removes.reverse()) remove();
  });
  const hostStack = await progress.step("creating a stack with its own state", () =>
    work.run(() =>
      createStack({ command, name, program: theProgram, providers, standIns: invented, apiUrl: outside.apiUrl }),
    ),
  );
  const { stack } = hostStack;
  removes.push(hostStack.remove);
  const converged = await progress.step("pulumi up", () => work.run((signal) => up(stack, signal)));
  home(outside, converged);
  const stacks = [stack];
  let { resources } = converged;
  for (const domain of further) {
    const added = await work.run(() =>
      furtherStack({ command, name, stack: hostStack, providers, outside, invented }, domain),
    );
    removes.push(added.remove);
    const made = await progress.step(`pulumi up of ${domain}`, () => work.run((signal) => up(added.stack, signal)));
    home(outside, made);
    resources += made.resources;
    stacks.push(added.stack);
  }
  const changes = await progress.step("pulumi preview --refresh, pulumi up again", async () => {
    let sum = 0;
    for (const each of stacks) sum += await work.run((signal) => upAgain(each, signal));
    return sum;
  });
  return { converged: { ...converged, resources }, changes };
}

async function onMocks(
  { progress, stack }: RunOptions,
  invented: StandIns,
  outside: Outside,
  theProgram: typeof program,
  further: readonly string[],
): Promise<{ converged: Converged; changes: undefined }> {
  const converged = await progress.step("running the program without an engine", () =>
    convergeWithoutEngine(stack, invented, outside, theProgram),
  );
  home(outside, converged);
  let { resources } = converged;
  for (const domain of further) {
    const made = await progress.step(`the same for ${domain}`, () =>
      furtherWithoutEngine({ name: stack, outside, invented }, domain, converged.outputs),
    );
    home(outside, made);
    resources += made.resources;
  }
  return { converged: { ...converged, resources }, changes: undefined };
}

/** What a person does once the program has run: the registrar publishes the DS. */
function home(outside: Outside, { dnssecDs }: Converged): void {
  outside.publishDs(dnssecDs);
}

/** To the same account the same message would be the same mail: each has an id of its own. */
function messageTo(recipient: string): Buffer {
  const id = `Message-ID: <${recipient.replace("@", ".")}.sandbox@sender.example>`;
  return Buffer.from(MESSAGE.toString("latin1").replace(/^Message-ID: .*$/m, id), "latin1");
}

/** One message to the account of a further domain, and one that its catch-all takes. */
async function deliverFurther(domain: string, outside: Outside, progress: Progress): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  for (const recipient of [`root@${domain}`, `whoever@${domain}`])
    deliveries.push(
      await progress.step(`SMTP to ${recipient}, looking into the mailbox`, () =>
        deliver(outside, recipient, `root@${domain}`, messageTo(recipient)),
      ),
    );
  return deliveries;
}

/** One message to each way in which an address leads to the primary account. */
async function deliverAll(settings: Settings, outside: Outside, progress: Progress): Promise<Delivery[]> {
  const { primaryAddress, aliases, catchAll, domain } = settings;
  const recipients = [
    primaryAddress,
    primaryAddress.replace("@", "+tag@"),
    ...aliases.slice(0, 1),
    ...(catchAll === primaryAddress ? [`whoever@${domain}`] : []),
  ];
  const deliveries: Delivery[] = [];
  for (const recipient of recipients)
    deliveries.push(
      await progress.step(`SMTP to ${recipient}, looking into the mailbox`, () =>
        deliver(outside, recipient, primaryAddress, messageTo(recipient)),
      ),
    );
  return deliveries;
}
