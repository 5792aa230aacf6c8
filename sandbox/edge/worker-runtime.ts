import { HttpOptions_Style, Miniflare } from "miniflare";
import { EMAIL_ENDPOINT, HARNESS, UPLOADED_MODULE } from "./harness";
import type { EmailReport } from "./harness";
import { startOutboundProxy } from "./outbound";
import type { Outbound, OutboundProxy } from "./outbound";

/** A binding as WorkersScript declares it. */
export type DeclaredBinding =
  | { readonly type: "plain_text"; readonly name: string; readonly text: string }
  | { readonly type: "secret_text"; readonly name: string; readonly text: string };

export interface UploadedWorker {
  /** One ES module, exactly as it was uploaded. */
  readonly script: string;
  readonly bindings: readonly DeclaredBinding[];
  readonly compatibilityDate: string;
  readonly compatibilityFlags?: readonly string[];
  /** Every `fetch` of the Worker. */
  readonly outbound: Outbound;
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
  readonly dispose: () => Promise<void>;
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

  return { email, fetch, dispose };

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

  async function dispose(): Promise<void> {
    const running = started;
    started = undefined;
    if (running === undefined) return;
    const { miniflare, proxy } = await running;
    await miniflare.dispose();
    await proxy.close();
  }
}

interface Runtime {
  readonly miniflare: Miniflare;
  readonly proxy: OutboundProxy;
}

async function start(worker: UploadedWorker): Promise<Runtime> {
  const proxy = await startOutboundProxy(worker.outbound);
  try {
    const miniflare = new Miniflare({
      modules: [
        { type: "ESModule", path: "harness.mjs", contents: HARNESS },
        { type: "ESModule", path: UPLOADED_MODULE, contents: worker.script },
      ],
      compatibilityDate: worker.compatibilityDate,
      compatibilityFlags: [...(worker.compatibilityFlags ?? [])],
      bindings: Object.fromEntries(worker.bindings.map(({ name, text }) => [name, text])),
      outboundService: { external: { address: proxy.address, http: { style: HttpOptions_Style.PROXY } } },
      handleRuntimeStdio: () => undefined,
      cf: false,
    });
    await miniflare.ready;
    return { miniflare, proxy };
  } catch (error) {
    await proxy.close();
    throw error;
  }
}
