import { HttpOptions_Style, type Miniflare } from "miniflare";

import type { BucketObject } from "../cloud/buckets";
import {
  CLOCK_ENDPOINT,
  EMAIL_ENDPOINT,
  HARNESS,
  LIMITS_ENDPOINT,
  R2_ENDPOINT,
  SCHEDULED_ENDPOINT,
  UPLOADED_MODULE,
} from "./harness";
import type { BucketFault, EmailReport, InvocationLimits, ScheduledReport } from "./harness";
import { startMiniflare } from "./miniflare";
import { startOutboundProxy } from "./outbound";
import type { Outbound, OutboundProxy, Upgrade } from "./outbound";

/** A binding as WorkersScript declares it. */
export type DeclaredBinding =
  | { readonly type: "plain_text"; readonly name: string; readonly text: string }
  | { readonly type: "secret_text"; readonly name: string; readonly text: string }
  | { readonly type: "r2_bucket"; readonly name: string; readonly bucketName: string };

/** workerd resolves names, opens connections and checks certificates itself, on this machine and beyond. */
export interface OwnNetwork {
  /** PEM; beside the usual authorities. */
  readonly trustedCertificates: readonly string[];
}

export interface UploadedWorker {
  /** One ES module, exactly as it was uploaded. */
  readonly script: string;
  readonly bindings: readonly DeclaredBinding[];
  readonly compatibilityDate: string;
  readonly compatibilityFlags?: readonly string[];
  /** Where every `fetch` of the Worker goes. */
  readonly outbound: Outbound | OwnNetwork;
  /** Where its WebSockets go; without it there are none. */
  readonly upgrade?: Upgrade;
  /** Where the contents of R2 buckets stay, so that a later instance sees them; without it they end with the instance. */
  readonly r2Folder?: string;
}

export interface Envelope {
  /** Empty for the null reverse-path. */
  readonly from: string;
  readonly to: string;
  readonly raw: Buffer;
}

export interface RunningWorker {
  /** Calls the `email` handler once. Cloudflare answers "exception" with a temporary error, a reject reason with a 5xx. */
  readonly email: (envelope: Envelope) => Promise<EmailReport>;
  /** Calls the `fetch` handler. */
  readonly fetch: (url: string, init?: FetchInit) => Promise<FetchAnswer>;
  /** Calls the `scheduled` handler once and waits for what it hands to `waitUntil`. */
  readonly scheduled: (cron?: string) => Promise<ScheduledReport>;
  /** The bucket behind a binding, past all injected faults. */
  readonly bucket: (binding: string) => BucketView;
  /** Makes operations on every bucket of the Worker fail, until they are used up or replaced. */
  readonly breakBucket: (fault: BucketFault) => Promise<void>;
  /** What each later run of `scheduled` is allowed. */
  readonly limit: (limits: InvocationLimits) => Promise<void>;
  /** Moves the Worker's `Date.now()` ahead. Timers do not follow. */
  readonly advance: (milliseconds: number) => Promise<void>;
  readonly dispose: () => Promise<void>;
}

/** An R2 bucket as seen from outside the Worker. */
export interface BucketView {
  /** Keys in lexicographic order, all pages. */
  readonly list: (prefix?: string) => Promise<readonly string[]>;
  /** The same with what R2 says of each. */
  readonly objects: (prefix?: string) => Promise<readonly BucketObject[]>;
  readonly get: (key: string) => Promise<StoredObject | undefined>;
  readonly put: (key: string, bytes: Buffer | string, metadata?: Readonly<Record<string, string>>) => Promise<void>;
  readonly delete: (key: string) => Promise<void>;
}

export interface StoredObject {
  readonly bytes: Buffer;
  /** Its custom metadata. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface FetchInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface FetchAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Runs an uploaded script in workerd. It starts with the first call. */
export function runEmailWorker(worker: UploadedWorker): RunningWorker {
  let started: Promise<Runtime> | undefined;

  return { email, fetch, scheduled, bucket, breakBucket, limit, advance, dispose };

  function runtime(): Promise<Runtime> {
    return (started ??= start(worker));
  }

  async function email({ from, to, raw }: Envelope): Promise<EmailReport> {
    const { miniflare } = await runtime();
    const url = `${EMAIL_ENDPOINT}?${new URLSearchParams({ from, to }).toString()}`;
    const response = await miniflare.dispatchFetch(url, { method: "POST", body: raw });
    return (await response.json()) as EmailReport;
  }

  async function fetch(url: string, init: FetchInit = {}): Promise<FetchAnswer> {
    const { miniflare } = await runtime();
    const response = await miniflare.dispatchFetch(url, { ...init, redirect: "manual" });
    const headers = new Headers([...response.headers]);
    return { status: response.status, headers, body: Buffer.from(await response.arrayBuffer()) };
  }

  async function scheduled(cron = "*/5 * * * *"): Promise<ScheduledReport> {
    const { miniflare } = await runtime();
    const url = `${SCHEDULED_ENDPOINT}?${new URLSearchParams({ cron }).toString()}`;
    return (await (await miniflare.dispatchFetch(url, { method: "POST" })).json()) as ScheduledReport;
  }

  async function breakBucket(fault: BucketFault): Promise<void> {
    const { miniflare } = await runtime();
    await miniflare.dispatchFetch(R2_ENDPOINT, { method: "POST", body: JSON.stringify(fault) });
  }

  async function limit(limits: InvocationLimits): Promise<void> {
    const { miniflare } = await runtime();
    await miniflare.dispatchFetch(LIMITS_ENDPOINT, { method: "POST", body: JSON.stringify(limits) });
  }

  async function advance(milliseconds: number): Promise<void> {
    const { miniflare } = await runtime();
    await miniflare.dispatchFetch(CLOCK_ENDPOINT, { method: "POST", body: String(milliseconds) });
  }

  function bucket(binding: string): BucketView {
    const opened = async () => await (await runtime()).miniflare.getR2Bucket(binding);
    const objects = async (prefix: string) => {
      const r2 = await opened();
      const found: BucketObject[] = [];
      for (let cursor: string | undefined; ;) {
        const page = await r2.list({
          prefix,
          include: ["customMetadata"],
          ...(cursor === undefined ? {} : { cursor }),
        });
        for (const { key, size, uploaded, customMetadata = {} } of page.objects)
          found.push({ key, size, uploaded, metadata: customMetadata });
        if (!page.truncated) return found;
        cursor = page.cursor;
      }
    };
    return {
      list: async (prefix = "") => (await objects(prefix)).map(({ key }) => key),
      objects: async (prefix = "") => await objects(prefix),
      get: async (key) => {
        const object = await (await opened()).get(key);
        if (object === null) return undefined;
        return { bytes: Buffer.from(await object.arrayBuffer()), metadata: { ...object.customMetadata } };
      },
      put: async (key, bytes, metadata = {}) => {
        await (await opened()).put(key, bytes, { customMetadata: { ...metadata } });
      },
      delete: async (key) => await (await opened()).delete(key),
    };
  }

  async function dispose(): Promise<void> {
    const running = started;
    started = undefined;
    if (running === undefined) return;
    const { end, proxy } = await running;
    await end();
    await proxy?.close();
  }
}

interface Runtime {
  readonly miniflare: Miniflare;
  readonly end: () => Promise<void>;
  readonly proxy: OutboundProxy | undefined;
}

async function start(worker: UploadedWorker): Promise<Runtime> {
  const { outbound } = worker;
  const proxy = typeof outbound === "function" ? await startOutboundProxy(outbound, worker.upgrade) : undefined;
  try {
    const { miniflare, dispose: end } = await startMiniflare({
      modules: [
        { type: "ESModule", path: "harness.mjs", contents: HARNESS },
        { type: "ESModule", path: UPLOADED_MODULE, contents: worker.script },
      ],
      compatibilityDate: worker.compatibilityDate,
      compatibilityFlags: [...(worker.compatibilityFlags ?? [])],
      bindings: Object.fromEntries(
        worker.bindings.flatMap((binding) => (binding.type === "r2_bucket" ? [] : [[binding.name, binding.text]])),
      ),
      r2Buckets: Object.fromEntries(
        worker.bindings.flatMap((binding) =>
          binding.type === "r2_bucket" ? [[binding.name, binding.bucketName]] : [],
        ),
      ),
      ...(worker.r2Folder === undefined ? {} : { r2Persist: worker.r2Folder }),
      outboundService:
        typeof outbound === "function"
          ? { external: { address: proxy?.address ?? "", http: { style: HttpOptions_Style.PROXY } } }
          : network(outbound),
      handleRuntimeStdio: () => undefined,
      cf: false,
    });
    return { miniflare, end, proxy };
  } catch (error) {
    await proxy?.close();
    throw error;
  }
}

function network({ trustedCertificates }: OwnNetwork) {
  const tlsOptions = { trustBrowserCas: true, trustedCertificates: [...trustedCertificates] };
  // "private" contains loopback.
  return { network: { allow: ["public", "private"], tlsOptions } };
}
