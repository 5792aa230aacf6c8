/** Where the harness listens for messages; every other URL goes to the uploaded Worker's `fetch`. */
export const EMAIL_ENDPOINT = "https://email.harness.invalid/";

/** Name under which the harness imports the uploaded script. */
export const UPLOADED_MODULE = "uploaded.mjs";

/** What the harness answers on {@link EMAIL_ENDPOINT}. */
export interface EmailReport {
  readonly outcome: "ok" | "exception";
  readonly rejectReason?: string;
  readonly error?: string;
  /** Everything that was written to the console meanwhile. */
  readonly logs: readonly string[];
  readonly forwards: readonly string[];
  readonly replies: number;
}

/**
 * The module that workerd starts. It imports the uploaded script as it is and calls its `email` handler with a message of
 * the shape that Email Routing makes (facts: the local endpoint of Miniflare refuses null senders and large bodies).
 */
export const HARNESS = /* js */ `
import * as uploaded from "./${UPLOADED_MODULE}";

const handlers = uploaded.default ?? {};
const logs = [];
for (const level of ["debug", "info", "log", "warn", "error"]) {
  console[level] = (...values) => {
    logs.push(values.map((value) => (typeof value === "string" ? value : JSON.stringify(value) ?? String(value))).join(" "));
  };
}

export default {
  async fetch(request, env, ctx) {
    if (request.url.startsWith("${EMAIL_ENDPOINT}")) return Response.json(await email(request, env, ctx));
    if (typeof handlers.fetch !== "function") return new Response("the uploaded script has no fetch handler", { status: 500 });
    return await handlers.fetch(request, env, ctx);
  },
};

async function email(request, env, ctx) {
  const report = { outcome: "ok", logs: [], forwards: [], replies: 0 };
  const bytes = new Uint8Array(await request.arrayBuffer());
  const parameters = new URL(request.url).searchParams;
  const message = {
    from: parameters.get("from"),
    to: parameters.get("to"),
    headers: headersOf(bytes),
    raw: new Response(bytes).body,
    rawSize: bytes.byteLength,
    setReject: (reason) => void (report.rejectReason = String(reason)),
    forward: async (address) => void report.forwards.push(address),
    reply: async () => void report.replies++,
  };
  logs.length = 0;
  try {
    if (typeof handlers.email !== "function") throw new Error("the uploaded script has no email handler");
    await handlers.email(message, env, ctx);
  } catch (error) {
    report.outcome = "exception";
    report.error = error instanceof Error ? error.name + ": " + error.message : String(error);
  }
  report.logs = [...logs];
  return report;
}

function headersOf(bytes) {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 256 * 1024));
  const headers = new Headers();
  for (const line of text.split(/\\r?\\n\\r?\\n/, 1)[0].replace(/\\r?\\n(?=[ \\t])/g, "").split(/\\r?\\n/)) {
    const colon = line.indexOf(":");
    // What is no header field is still part of the message; only this view of it lacks it.
    try { if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim()); } catch {}
  }
  return headers;
}
`;
