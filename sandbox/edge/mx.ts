import type { AddressInfo } from "node:net";

import { SMTPServer } from "smtp-server";

import { newTrace, type Trace } from "../trace";
import type { EmailRouter, SmtpReply } from "./email-routing";

/** Cloudflare's limit for inbound messages. */
const MAX_BYTES = 25 * 1024 * 1024;

export interface Mx {
  readonly port: number;
  /** How each message so far fared, oldest first. */
  readonly traces: readonly Trace[];
  close(): Promise<void>;
}

/**
 * The MX on loopback: RFC 5321 towards the sender, Email Routing behind it. As a real MX it puts its trace header in
 * front of the message (RFC 5321 section 4.4); what follows stays byte for byte.
 */
export async function startMx(router: EmailRouter, port = 0): Promise<Mx> {
  const traces: Trace[] = [];
  const server = new SMTPServer({
    name: "route1.mx.cloudflare.net",
    banner: "sandbox of Email Routing",
    size: MAX_BYTES,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    logger: false,
    onRcptTo({ address }, _session, done) {
      const reply = router.accepts(address);
      done(reply.code === 250 ? null : smtpError(reply));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const from = session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address;
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        if (stream.sizeExceeded) {
          done(smtpError({ code: 552, text: "5.3.4 Message too big" }));
          return;
        }
        routeAll(router, { from, recipients, helo: session.hostNameAppearsAs }, Buffer.concat(chunks), traces).then(
          (reply) => (reply.code === 250 ? done(null, reply.text) : done(smtpError(reply))),
          (error: unknown) => done(smtpError({ code: 451, text: `4.3.0 ${String(error)}` })),
        );
      });
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.server.address() as AddressInfo).port,
    traces,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** Email Routing runs the Worker once for each recipient; one that is not taken makes the whole message wait. */
async function routeAll(
  router: EmailRouter,
  envelope: { from: string; recipients: readonly string[]; helo: string },
  message: Buffer,
  traces: Trace[],
): Promise<SmtpReply> {
  let last: SmtpReply = { code: 554, text: "5.5.1 no valid recipients" };
  for (const to of envelope.recipients) {
    const trace = newTrace();
    traces.push(trace);
    last = await router.route({ from: envelope.from, to }, Buffer.concat([traceHeader(envelope.helo), message]), trace);
    if (last.code !== 250) return last;
  }
  return last;
}

function traceHeader(helo: string): Buffer {
  const name = helo.replace(/[^A-Za-z0-9.[\]:-]/g, "");
  return Buffer.from(
    `Received: from ${name} by route1.mx.cloudflare.net (sandbox) with ESMTP;\r\n ${new Date().toUTCString().replace("GMT", "+0000")}\r\n`,
  );
}

function smtpError({ code, text }: SmtpReply): Error {
  return Object.assign(new Error(text), { responseCode: code });
}
