import { readConfiguration } from "./configuration";
import { deliver } from "./deliver";
import type { Decision, Incoming } from "./deliver";
import type { Env } from "./env";
import { createMailbox } from "./jmap";
import { log } from "./log";
import { TransientError } from "./transient";

export default { email } satisfies ExportedHandler<Env>;

/**
 * Called by Email Routing for each recipient of a message. Returning accepts the message for good, `setReject` refuses it
 * for good, throwing leaves it with the sender: so every promise is awaited and every doubt is thrown.
 */
async function email(message: ForwardableEmailMessage, env: Env): Promise<void> {
  const started = Date.now();
  const measured = () => ({ bytes: message.rawSize, durationMs: Date.now() - started });
  const decision = await decide(message, env).catch((error: unknown) => {
    const reason = transient(error);
    log({ event: "deferred", reason: reason.message, ...measured() });
    throw reason;
  });
  switch (decision.kind) {
    case "delivered":
      log({ event: "delivered", ...measured() });
      return;
    case "refused":
      log({ event: "refused", reason: decision.reason, ...measured() });
      message.setReject(decision.reason);
  }
}

async function decide(message: ForwardableEmailMessage, env: Env): Promise<Decision> {
  const configuration = readConfiguration(env);
  const incoming: Incoming = {
    from: message.from,
    to: message.to,
    rawSize: message.rawSize,
    read: () => new Response(message.raw).arrayBuffer(),
  };
  return await deliver(incoming, configuration, createMailbox(configuration));
}

/** The text of an error that nobody foresaw may quote the message, so only its class leaves the Worker. */
function transient(error: unknown): TransientError {
  if (error instanceof TransientError) return error;
  return new TransientError(`unexpected ${error instanceof Error ? error.name : typeof error}`);
}
