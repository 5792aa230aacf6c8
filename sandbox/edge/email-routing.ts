import { CATCH_ALL } from "../cloud/kinds/email-routing";
import { SCRIPT } from "../cloud/kinds/workers";
import { listAt, type Props, textAt, textsAt } from "../cloud/props";
import type { World } from "../cloud/world";
import type { Trace } from "../trace";
import type { Edge } from "./edge";

export interface Envelope {
  /** Empty for the null reverse-path. */
  readonly from: string;
  readonly to: string;
}

/** What the sending server is told. */
export interface SmtpReply {
  readonly code: number;
  readonly text: string;
}

/** Email Routing: takes a message that came in by SMTP and does with it what the zone's catch-all rule says. */
export class EmailRouter {
  /** One message at a time: the hops of the Worker's requests then belong to it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly world: World,
    private readonly edge: Edge,
  ) {}

  /** Whether the MX of the recipient's domain are Email Routing's and it is switched on. */
  accepts(recipient: string): SmtpReply {
    const domain = recipient.slice(recipient.lastIndexOf("@") + 1).toLowerCase();
    const zone = this.world.zones.find((candidate) => candidate.name === domain);
    const mx = zone?.records.filter((record) => record.type === "MX" && record.name === domain) ?? [];
    if (!zone || mx.length === 0) return { code: 550, text: `5.1.2 no MX of Email Routing for ${domain}` };
    if (!zone.emailRouting) return { code: 550, text: `5.1.2 Email Routing is off for ${domain}` };
    return { code: 250, text: "2.1.5 OK" };
  }

  /** @returns what the sending server is told after the message; the trace says why. */
  route(envelope: Envelope, raw: Buffer, trace: Trace): Promise<SmtpReply> {
    const reply = this.#turn.then(() => this.#route(envelope, raw, trace));
    this.#turn = reply.catch(() => undefined);
    return reply;
  }

  async #route(envelope: Envelope, raw: Buffer, trace: Trace): Promise<SmtpReply> {
    const accepted = this.accepts(envelope.to);
    if (accepted.code !== 250) return accepted;
    trace.hop(`MX: Email Routing took ${raw.length} bytes for ${envelope.to.slice(envelope.to.lastIndexOf("@"))}`);
    const domain = envelope.to.slice(envelope.to.lastIndexOf("@") + 1).toLowerCase();
    const zone = this.world.zones.find((candidate) => candidate.name === domain);
    const rule = this.world.all(CATCH_ALL).find((remote) => remote.id === zone?.id);
    if (rule?.props["enabled"] !== true) {
      trace.hop("catch-all: there is no enabled rule");
      return { code: 550, text: "5.1.1 Address does not exist." };
    }
    const [action] = listAt(rule.props, "actions");
    if (!action || action["type"] !== "worker") {
      trace.hop(`catch-all: ${action ? (textAt(action, "type") ?? "") : "no action"}: the message is discarded`);
      return { code: 250, text: "2.0.0 Message received" };
    }
    const scriptName = textsAt(action, "values")[0] ?? "";
    const script = this.world.find(SCRIPT, (props) => props["scriptName"] === scriptName);
    trace.hop(`catch-all: Worker ${scriptName}${script ? "" : " does not exist"}`);
    if (!script) return { code: 451, text: "4.3.0 Temporary failure" };
    return this.#runWorker(script.props, envelope, raw, trace);
  }

  async #runWorker(script: Props, envelope: Envelope, raw: Buffer, trace: Trace): Promise<SmtpReply> {
    const name = textAt(script, "scriptName") ?? "";
    this.edge.trace = trace;
    const { outcome, rejectReason, error } = await (await this.edge.workers.of(script)).email({ ...envelope, raw });
    if (rejectReason !== undefined) {
      trace.hop(`Worker ${name}: refused for good: ${rejectReason}`);
      return { code: 550, text: rejectReason };
    }
    if (outcome === "exception") {
      trace.hop(`Worker ${name}: threw, the sender keeps the message: ${error ?? ""}`);
      return { code: 451, text: "4.3.0 Temporary failure, try again later" };
    }
    trace.hop(`Worker ${name}: accepted`);
    return { code: 250, text: "2.0.0 Message received" };
  }
}
