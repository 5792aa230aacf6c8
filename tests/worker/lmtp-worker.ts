/** A Worker that carries the body of a request home over LMTP: the test's way into workerd. */
import { systemClock } from "../../worker/src/clock";
import { platformFetch } from "../../worker/src/http";
import { LMTP_BUDGETS } from "../../worker/src/lmtp/budgets";
import type { LmtpBudgets } from "../../worker/src/lmtp/budgets";
import { createLmtpHome } from "../../worker/src/lmtp/attempt";
import { openWebSocket } from "../../worker/src/lmtp/websocket";
import { NOTHING_BESIDE } from "./nobody";
import { TransientError } from "../../worker/src/transient";

/** What the test's request asks for, in the query. */
interface Order {
  readonly url: string;
  readonly from: string;
  readonly to: string;
  readonly budgets?: Partial<LmtpBudgets>;
}

export default {
  async fetch(request: Request): Promise<Response> {
    const order = JSON.parse(new URL(request.url).searchParams.get("order") ?? "{}") as Order;
    const message = new Uint8Array(await request.arrayBuffer());
    const address = { url: new URL(order.url), accessClientId: "client.access", accessClientSecret: "cfast_secret" };
    const budgets = { ...LMTP_BUDGETS, ...order.budgets };
    const connect = (connectMs: number) => openWebSocket(platformFetch, address, connectMs, systemClock);
    const home = createLmtpHome(
      connect,
      {
        name: "worker.example.org",
        budgets,
        clock: systemClock,
        pipelinesBdat: true,
      },
      NOTHING_BESIDE,
    );
    try {
      const session = await home.open();
      const outcome = await session.deliver({ from: order.from, to: order.to, message });
      await session.close();
      return Response.json(outcome.kind === "failed" ? failed(outcome.error) : outcome);
    } catch (error) {
      return Response.json(failed(error));
    }
  },
};

function failed(error: unknown) {
  if (!(error instanceof TransientError)) return { kind: "unexpected", message: String(error) };
  const { message, trouble, uncertain } = error;
  return { kind: "failed", error: { message, trouble, uncertain } };
}
