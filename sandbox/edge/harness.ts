/** Where the harness listens for messages; every other URL goes to the uploaded Worker's `fetch`. */
export const EMAIL_ENDPOINT = "https://email.harness.invalid/";

/** Where the harness listens for the clock of the cron trigger. */
export const SCHEDULED_ENDPOINT = "https://scheduled.harness.invalid/";

/** Takes a {@link BucketFault}. */
export const R2_ENDPOINT = "https://r2.harness.invalid/";

/** Takes the number of milliseconds by which `Date.now()` is moved ahead. */
export const CLOCK_ENDPOINT = "https://clock.harness.invalid/";

/** Takes {@link InvocationLimits}. */
export const LIMITS_ENDPOINT = "https://limits.harness.invalid/";

/** What the platform allows one run of `scheduled`; beyond it a call throws and nothing is sent. Absent: as much as it likes. */
export interface InvocationLimits {
  /** By `fetch`. */
  readonly requests?: number;
  /** On buckets. */
  readonly operations?: number;
}

/**
 * Trouble with R2 that the harness makes. A later fault of the same operation and prefix replaces an earlier one; without a
 * prefix it replaces all of the operation.
 */
export interface BucketFault {
  readonly operation: "put" | "get" | "head" | "list" | "delete";
  /** That many calls fail; 0 ends the trouble. */
  readonly fail: number;
  /** Calls that go well before the first one fails. */
  readonly skip?: number;
  /** Only calls whose key (or prefix, for list) starts so. */
  readonly prefix?: string;
  /**
   * `before` nothing happens in the bucket, `after` it happens and the answer is lost, `hang` no answer comes for a minute,
   * `slow` it goes well, late.
   */
  readonly how?: "before" | "after" | "hang" | "slow";
  /** Of what is `slow`, in milliseconds. */
  readonly delayMs?: number;
}

/** What the harness answers on {@link SCHEDULED_ENDPOINT}. */
export interface ScheduledReport {
  readonly outcome: "ok" | "exception";
  readonly error?: string;
  readonly logs: readonly string[];
}

/** Name under which the harness imports the uploaded script. */
export const UPLOADED_MODULE = "uploaded.mjs";

/** What the harness answers on {@link EMAIL_ENDPOINT}. */
export interface EmailReport {
  readonly outcome: "ok" | "exception";
  readonly rejectReason?: string;
  readonly error?: string;
  /** Everything that was written to the console meanwhile, also by calls that ran at the same time. */
  readonly logs: readonly string[];
  readonly forwards: readonly string[];
  readonly replies: number;
  /** How long the Worker went on after the sender was told, in what it hands to `waitUntil`; milliseconds. */
  readonly afterwardsMs: number;
  /** On buckets, also by calls that ran at the same time. */
  readonly operations: number;
}

/**
 * The module that workerd starts. It imports the uploaded script as it is and calls its `email` handler with a message of
 * the shape that Email Routing makes (facts: the local endpoint of Miniflare refuses null senders and large bodies).
 */
export const HARNESS = /* js */ `
import * as uploaded from "./${UPLOADED_MODULE}";

const handlers = uploaded.default ?? {};
const logs = [];
let calls = 0;
let faults = [];
const realNow = Date.now.bind(Date);
let ahead = 0;
let limits = {};
const used = { requests: 0, operations: 0 };
const realFetch = globalThis.fetch;
globalThis.fetch = async (...args) => (spend("requests"), await realFetch(...args));
Date.now = () => realNow() + ahead;
for (const level of ["debug", "info", "log", "warn", "error"]) {
  console[level] = (...values) => {
    logs.push(values.map((value) => (typeof value === "string" ? value : JSON.stringify(value) ?? String(value))).join(" "));
  };
}

export default {
  async fetch(request, env, ctx) {
    if (request.url.startsWith("${EMAIL_ENDPOINT}")) return Response.json(await email(request, breakable(env)));
    if (request.url.startsWith("${SCHEDULED_ENDPOINT}")) return Response.json(await scheduled(request, breakable(env)));
    if (request.url.startsWith("${R2_ENDPOINT}")) {
      const fault = await request.json();
      const isReplaced = ({ operation, prefix }) => operation === fault.operation && (fault.prefix ?? prefix) === prefix;
      faults = [...faults.filter((present) => !isReplaced(present)), fault];
      return new Response();
    }
    if (request.url.startsWith("${CLOCK_ENDPOINT}")) {
      ahead += Number(await request.text());
      return new Response();
    }
    if (request.url.startsWith("${LIMITS_ENDPOINT}")) {
      limits = await request.json();
      return new Response();
    }
    if (typeof handlers.fetch !== "function") return new Response("the uploaded script has no fetch handler", { status: 500 });
    return await handlers.fetch(request, breakable(env), ctx);
  },
};

async function email(request, env) {
  const report = { outcome: "ok", logs: [], forwards: [], replies: 0, afterwardsMs: 0, operations: 0 };
  const before = used.operations;
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
  await observed(report, async () => {
    if (typeof handlers.email !== "function") throw new Error("the uploaded script has no email handler");
    const later = [];
    const ctx = { waitUntil: (promise) => void later.push(promise), passThroughOnException: () => undefined };
    await handlers.email(message, env, ctx);
    const told = realNow();
    // What fails there does not change what the sender was told.
    await Promise.allSettled(later);
    report.afterwardsMs = realNow() - told;
  });
  report.operations = used.operations - before;
  return report;
}

async function scheduled(request, env) {
  const report = { outcome: "ok", logs: [] };
  used.requests = used.operations = 0;
  const cron = new URL(request.url).searchParams.get("cron") ?? "";
  await observed(report, async () => {
    if (typeof handlers.scheduled !== "function") throw new Error("the uploaded script has no scheduled handler");
    const later = [];
    const ctx = { waitUntil: (promise) => void later.push(promise), passThroughOnException: () => undefined };
    await handlers.scheduled({ cron, scheduledTime: Date.now(), noRetry: () => undefined }, env, ctx);
    await Promise.all(later);
  });
  return report;
}

async function observed(report, run) {
  if (calls++ === 0) logs.length = 0;
  const start = logs.length;
  try {
    await run();
  } catch (error) {
    report.outcome = "exception";
    report.error = error instanceof Error ? error.name + ": " + error.message : String(error);
  }
  calls--;
  report.logs = logs.slice(start);
}

/** The bindings, with buckets that fail as told. */
function breakable(env) {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value?.constructor?.name === "R2Bucket" ? breakableBucket(value) : value]),
  );
}

function breakableBucket(bucket) {
  return new Proxy(bucket, {
    get(_, operation) {
      const method = bucket[operation];
      if (typeof method !== "function") return method;
      return async (...args) => {
        spend("operations");
        const fault = due(operation, args[0]);
        if (fault === undefined) return await method.apply(bucket, args);
        if (fault.how === "slow") {
          await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
          return await method.apply(bucket, args);
        }
        if (fault.how === "hang") await new Promise((resolve) => setTimeout(resolve, 60_000));
        if (fault.how === "after") await method.apply(bucket, args);
        throw new Error(operation + ": We encountered an internal error. Please try again. (10001)");
      };
    },
  });
}

/** Throws as the platform does. */
function spend(kind) {
  if (++used[kind] > (limits[kind] ?? Infinity)) throw new Error("Too many subrequests by single Worker invocation.");
}

/** The fault that this call meets, counted. */
function due(operation, subject) {
  const keys = typeof subject === "string" ? [subject] : Array.isArray(subject) ? subject : [subject?.prefix ?? ""];
  const isMet = (fault) => fault.operation === operation && keys.some((key) => key.startsWith(fault.prefix ?? ""));
  for (const fault of faults.filter(isMet)) {
    if ((fault.skip ?? 0) > 0) fault.skip--;
    else if (fault.fail-- > 0) return fault;
  }
  return undefined;
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
