import { alert } from "./alert";
import type { AlertResult } from "./alert";
import type { BacklogTotal } from "./backlog";
import { systemClock } from "./clock";
import { readAlert, readConfiguration, readSpool } from "./configuration";
import { deliver } from "./deliver";
import type { Progress } from "./deliver";
import { drain } from "./drain";
import type { Env, SpoolBucket } from "./env";
import { platformFetch } from "./http";
import type { Fetch } from "./http";
import { completingLater, createLedger, NO_LEDGER } from "./ledger";
import { log } from "./log";
import { asTransient } from "./transient";
import { counted } from "./usage";
import { homeOf } from "./way";

export default { email, scheduled } satisfies ExportedHandler<Env>;

/**
 * Called by Email Routing for each recipient of a message. Returning accepts the message for good, `setReject` refuses it
 * for good, throwing leaves it with the sender: so every promise is awaited and every doubt is thrown.
 */
async function email(message: ForwardableEmailMessage, env: Env, context: ExecutionContext): Promise<void> {
  const started = Date.now();
  const progress: Progress = { key: undefined, steps: {} };
  let requests = 0;
  const measured = () => ({
    key: progress.key,
    bytes: message.rawSize,
    durationMs: Date.now() - started,
    steps: progress.steps,
    requests,
  });
  try {
    const configuration = readConfiguration(env);
    const bucket = readSpool(env);
    const home = homeOf(configuration, "edge", (url, init) => {
      requests++;
      return platformFetch(url, init);
    });
    const { ledger, completed } = completingLater(bucket === undefined ? NO_LEDGER : createLedger(bucket, systemClock));
    const surroundings = { home, ledger, bucket, clock: systemClock };
    const decision = await deliver(message, configuration, surroundings, progress);
    switch (decision.kind) {
      case "delivered": {
        const line = { event: "delivered", ...measured() } as const;
        const logged = async () => log({ ...line, ledger: (await completed()) ? "written" : "unwritten" });
        return context.waitUntil(logged());
      }
      case "duplicate":
        // Where home has just said that an earlier copy has arrived, this is being written down.
        context.waitUntil(completed());
        return log({ event: "duplicate", ...measured() });
      case "spooled":
        return log({ event: "spooled", reason: decision.reason, ...measured() });
      case "refused":
        log({ event: "refused", reason: decision.logged ?? decision.reason, ...measured() });
        message.setReject(decision.reason);
    }
  } catch (error) {
    const reason = asTransient(error);
    log({ event: "deferred", reason: reason.message, ...measured() });
    throw reason;
  }
}

/** Called by the cron trigger: one run of the drain, and an alert when mail waits too long. */
async function scheduled(_controller: ScheduledController, env: Env): Promise<void> {
  const started = Date.now();
  try {
    const configuration = readConfiguration(env);
    const spool = readSpool(env);
    if (spool === undefined) return;
    const { fetch, bucket, ...usage } = counted(platformFetch, spool);
    let alerted: Promise<AlertResult> | undefined;
    const report = await drain(configuration, {
      bucket,
      ledger: createLedger(bucket, systemClock),
      clock: systemClock,
      usage,
      home: () => homeOf(configuration, "drain", fetch),
      tell: async (backlog) => {
        alerted = tell(env, backlog, fetch, bucket);
        // A wrong setting of the alert must not stop the mail; it fails the run when that is done.
        await alerted.catch(() => undefined);
      },
    });
    const sent = (await alerted) ?? "not needed";
    const [requests, operations] = [usage.requests(), usage.operations()];
    log({ event: "spool", ...report, requests, operations, alert: sent, durationMs: Date.now() - started });
  } catch (error) {
    const reason = asTransient(error);
    log({ event: "spool", error: reason.message, durationMs: Date.now() - started });
    throw reason;
  }
}

async function tell(env: Env, backlog: BacklogTotal, fetch: Fetch, bucket: SpoolBucket): Promise<AlertResult> {
  return await alert(readAlert(env), backlog, bucket, fetch, systemClock);
}
