import { join } from "node:path";
import { buildSync } from "esbuild";
import { startMiniflare } from "../../sandbox/edge/miniflare";
import { RECIPIENT, SENDER } from "./lmtp-socket";

/** As in the stack, where blobs are the default of a WebSocket. */
const COMPATIBILITY_DATE = "2026-07-01";

/** The LMTP client in real workerd (lmtp-worker.ts). */
export interface LmtpWorker {
  /** Sends one message through the WebSocket of that port. The outcome, with an error as plain fields. */
  readonly send: (port: number, message: Buffer, budgets?: object) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

export async function startLmtpWorker(): Promise<LmtpWorker> {
  const { outputFiles } = buildSync({
    entryPoints: [join(__dirname, "lmtp-worker.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2023",
    platform: "neutral",
    tsconfigRaw: {},
  });
  const { miniflare, dispose } = await startMiniflare({
    modules: true,
    script: outputFiles[0]?.text ?? "",
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["global_fetch_strictly_public"],
    cf: false,
  });
  return { send, close: dispose };

  async function send(port: number, message: Buffer, budgets: object = {}): Promise<unknown> {
    const order = { url: `http://127.0.0.1:${port}`, from: SENDER, to: RECIPIENT, budgets };
    const url = `https://worker.example/?${new URLSearchParams({ order: JSON.stringify(order) }).toString()}`;
    const response = await miniflare.dispatchFetch(url, { method: "POST", body: message });
    return await response.json();
  }
}
