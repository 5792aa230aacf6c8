import type { Home, ImportOrder } from "../../worker/src/attempt";
import type { AnyHome } from "../../worker/src/carry";
import type { Clock } from "../../worker/src/clock";
import type { DrainSurroundings } from "../../worker/src/drain";
import type {
  SpoolBucket,
  SpoolListOptions,
  SpoolObject,
  SpoolObjectBody,
  SpoolPutOptions,
} from "../../worker/src/env";
import { createLedger } from "../../worker/src/ledger";
import type { LmtpHome } from "../../worker/src/lmtp/attempt";
import type { LmtpOrder, LmtpOutcome } from "../../worker/src/lmtp/client";
import { asTransient, TransientError } from "../../worker/src/transient";
import type { DrainHome } from "../../worker/src/turn";

/**
 * What an operation meets. `before`: it fails and nothing was done. `after`: it is done and fails. `late`: it fails, and is
 * done when everybody has gone. `refused`: home says that it did nothing. `die`, `dieAfter`: the isolate ends there.
 */
export type Fate = "ok" | "before" | "after" | "late" | "refused" | "die" | "dieAfter";

export type Mode = "jmap" | "lmtp";

/** Where the platform ends every run that carries a message: while it reads it out of the bucket, or on its way home. */
export type Deadly = "read" | "send";

/** The outside world without sockets: a bucket, a home with one account, a clock that stands still. */
export class World {
  now = Date.parse("2026-01-02T03:04:05Z");
  readonly objects = new Map<string, { bytes: Uint8Array; etag: string; metadata: Record<string, string> }>();
  /** What is in the mailbox, oldest first. */
  readonly mailbox: Uint8Array[] = [];
  /** Addresses with an account. */
  readonly accounts = new Map([
    ["me@example.org", "c"],
    ["also@example.org", "c"],
  ]);
  isDown = false;
  /** A message that ends the isolate, there. */
  deadly: { readonly at: Deadly; readonly isIt: (bytes: Uint8Array) => boolean } | undefined;
  /** So small that every listing has several pages. */
  pageSize = 2;
  /** Bodies that were read. */
  reads = 0;
  /** Mishaps after which a second copy is allowed: trouble of the ledger, a question about an earlier copy without an answer. */
  excuses = 0;
  /** Claims that were taken over because their holders had died. */
  takenOver = 0;
  #etags = 0;
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #late: (() => void)[] = [];

  readonly clock: Clock = { now: () => this.now, within: (_, __, promise) => promise };

  /**
   * An isolate whose operations meet what `fate` says; `turn` orders
   * them among those of others.
   */
  actor(fate: (subject: string) => Fate = () => "ok", turn: () => Promise<void> = () => Promise.resolve()): Actor {
    return new Actor(this, fate, turn);
  }

  /** What was late happens now. */
  settle(): void {
    for (const effect of this.#late.splice(0)) effect();
  }

  later(effect: () => void): void {
    this.#late.push(effect);
  }

  keys(prefix: string): readonly string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  put(key: string, value: Uint8Array | string, { onlyIf, customMetadata = {} }: SpoolPutOptions = {}) {
    const present = this.objects.get(key);
    if (onlyIf?.etagDoesNotMatch === "*" && present !== undefined) return null;
    if (onlyIf?.etagMatches !== undefined && onlyIf.etagMatches !== present?.etag) return null;
    if (onlyIf?.etagMatches !== undefined && key.endsWith(".claim") && isHeld(present?.bytes)) this.takenOver++;
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value);
    const etag = String(++this.#etags);
    this.objects.set(key, { bytes, etag, metadata: { ...customMetadata } });
    return { etag };
  }

  get(key: string, onRead: (bytes: Uint8Array) => Promise<void> = () => Promise.resolve()): SpoolObjectBody | null {
    const found = this.objects.get(key);
    if (found === undefined) return null;
    const { bytes, etag, metadata: customMetadata } = found;
    return {
      key,
      size: bytes.byteLength,
      etag,
      customMetadata,
      text: () => Promise.resolve(new TextDecoder().decode(bytes)),
      body: streamOf(bytes),
      arrayBuffer: async () => {
        this.reads++;
        await onRead(bytes);
        return new Uint8Array(bytes).buffer;
      },
    };
  }

  upload(message: Uint8Array): string {
    const id = `b${this.#blobs.size}`;
    this.#blobs.set(id, message.slice());
    return id;
  }

  /** Whether a message with one of these traces has arrived. */
  has(traces: readonly string[]): boolean {
    const texts = this.mailbox.map((bytes) => new TextDecoder("latin1").decode(bytes));
    return texts.some((text) => traces.some((trace) => text.includes(` id ${trace};`)));
  }

  /** Whether a message with the Message-ID of this one has arrived. */
  knowsId(message: Uint8Array): boolean {
    const [id] = idsOf(message);
    return id !== undefined && this.mailbox.some((present) => idsOf(present)[0] === id);
  }

  import({ blobId }: ImportOrder): void {
    const blob = this.#blobs.get(blobId);
    if (blob === undefined) throw new TransientError("import: blobNotFound", "message");
    this.mailbox.push(blob);
  }
}

const CAPABILITIES = {
  pipelining: true,
  chunking: true,
  eightBitMime: true,
  smtpUtf8: true,
  size: true,
  maxBytes: undefined,
};

/** Steps after which a message is there. */
const ARRIVING = ["import", "message"];

export class Actor {
  /** Resolves when the isolate ends before its work is done. */
  readonly death: Promise<"died">;
  #die: () => void = () => undefined;
  #isDead = false;

  constructor(
    private readonly world: World,
    private readonly fate: (subject: string) => Fate,
    private readonly turn: () => Promise<void>,
  ) {
    this.death = new Promise((resolve) => (this.#die = () => resolve("died")));
  }

  readonly bucket: SpoolBucket = {
    put: async (key, value, options) => {
      const bytes = value instanceof ReadableStream ? await readAll(value) : value;
      return await this.#r2(key, () => this.world.put(key, bytes, options));
    },
    get: (key) =>
      this.#r2(key, () =>
        this.world.get(key, async (bytes) => {
          if (key.startsWith("spool/")) await this.#survive("read", bytes);
        }),
      ),
    head: (key) => this.#r2<SpoolObject | null>(key, () => this.world.get(key)),
    delete: (key) => this.#r2(key, () => void this.world.objects.delete(key)),
    list: (options) => this.#r2(options.prefix, () => this.#page(options)),
  };

  readonly home: Home & DrainHome = {
    find: (addresses) =>
      this.#home("lookup", () => addresses.map((one) => this.world.accounts.get(one)).find((id) => id !== undefined)),
    upload: async (message, account) => {
      await account;
      await this.#survive("send", message);
      return await this.#home("upload", () => this.world.upload(message));
    },
    inbox: () => this.#home("inbox", () => "a"),
    import: (order) =>
      this.#home("import", () => {
        this.world.import(order);
        return "imported" as const;
      }),
    arrived: ({ traces }) =>
      this.#home("arrivals", () => (this.world.has(traces) ? ("yes" as const) : ("no" as const))).catch(
        () => "unknown" as const,
      ),
    forget: () => false,
    answers: () => Promise.resolve(!this.world.isDown),
  };

  /** A server that drops what has a Message-ID that its account has already, as Stalwart does. */
  readonly lmtp: LmtpHome & DrainHome = {
    mailboxes: this.home,
    arrived: this.home.arrived,
    until: Infinity,
    open: async () => {
      await this.#home("connect", () => undefined);
      return { capabilities: CAPABILITIES, deliver: (order) => this.#take(order), close: () => Promise.resolve() };
    },
    answers: () => Promise.resolve(!this.world.isDown),
  };

  homeBy(mode: Mode): AnyHome & DrainHome {
    return mode === "jmap" ? this.home : this.lmtp;
  }

  async #take({ to, message }: LmtpOrder): Promise<LmtpOutcome> {
    await this.#survive("send", message);
    if (!this.world.accounts.has(to))
      return { kind: "refused", reason: "550 5.1.1", logged: "", isUnknownRecipient: true };
    const copy = message.slice();
    return await this.#home("message", () => {
      if (!this.world.knowsId(copy)) this.world.mailbox.push(copy);
      return { kind: "delivered" } as const;
    }).catch((error: unknown) => ({ kind: "failed", error: asTransient(error) }) as const);
  }

  /** Does not end when that is where the message ends the isolate. */
  async #survive(at: Deadly, bytes: Uint8Array): Promise<void> {
    const { deadly, isDown } = this.world;
    if (deadly?.at !== at || !deadly.isIt(bytes) || (at === "send" && isDown)) return;
    this.#isDead = true;
    this.#die();
    await NEVER;
  }

  #page({ prefix, cursor, startAfter, limit = Infinity }: SpoolListOptions) {
    const from = cursor ?? startAfter;
    const left = this.world.keys(prefix).filter((key) => from === undefined || key > from);
    const objects = left.slice(0, Math.min(limit, this.world.pageSize)).flatMap((key) => this.world.get(key) ?? []);
    const last = objects.at(-1)?.key;
    return left.length > this.world.pageSize && last !== undefined
      ? { objects, truncated: true, cursor: last }
      : { objects, truncated: false };
  }

  async #r2<T>(key: string, effect: () => T): Promise<T> {
    const failure = new Error("internal error");
    return await this.#operate(key, effect, failure, () => {
      if (key.startsWith("ledger/")) this.world.excuses++;
    });
  }

  async #home<T>(step: string, effect: () => T): Promise<T> {
    const uncertain = new TransientError(`${step}: the connection failed`, "home", ARRIVING.includes(step));
    if (this.world.isDown)
      return await this.#operate(
        step,
        () => fail(uncertain),
        uncertain,
        () => undefined,
      );
    return await this.#operate(step, effect, uncertain, () => {
      if (step === "arrivals") this.world.excuses++;
    });
  }

  async #operate<T>(subject: string, effect: () => T, failure: Error, mishap: (fate: Fate) => void): Promise<T> {
    await this.turn();
    if (this.#isDead) return await NEVER;
    const fate = this.fate(subject);
    if (fate === "ok") return effect();
    if (fate === "die" || fate === "dieAfter") {
      this.#isDead = true;
      if (fate === "dieAfter") attempted(effect);
      this.#die();
      return await NEVER;
    }
    mishap(fate);
    if (fate === "after") attempted(effect);
    if (fate === "late") this.world.later(() => attempted(effect));
    throw fate === "refused" && failure instanceof TransientError
      ? new TransientError(failure.message, "message", false)
      : failure;
  }
}

/** What a run of the drain meets in that isolate; the platform counts nothing. */
export function surroundingsOf(
  world: World,
  { bucket, home }: { readonly bucket: SpoolBucket; readonly home: DrainHome },
): DrainSurroundings {
  return {
    bucket,
    home: () => home,
    ledger: createLedger(bucket, world.clock),
    clock: world.clock,
    usage: { requests: () => 0, operations: () => 0 },
    tell: () => Promise.resolve(),
  };
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function idsOf(message: Uint8Array): readonly string[] {
  return [...(/^Message-ID: .*$/m.exec(new TextDecoder("latin1").decode(message)) ?? [])];
}

/** A claim that was released ends at zero. */
function isHeld(claim: Uint8Array | undefined): boolean {
  return claim !== undefined && !new TextDecoder().decode(claim).startsWith('{"until":0,');
}

function fail(error: Error): never {
  throw error;
}

/** Nobody hears how it goes. */
function attempted(effect: () => unknown): void {
  try {
    effect();
  } catch {
    // Nobody.
  }
}

const NEVER = new Promise<never>(() => undefined);

/** The same as a stream of bytes, which can fill its reader's buffers. */
export function byteStreamOf(...pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    start(stream) {
      for (const piece of pieces) stream.enqueue(new Uint8Array(piece));
      stream.close();
    },
  });
}

/** A stream of those pieces. */
export function streamOf(...pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(stream) {
      for (const piece of pieces) stream.enqueue(piece);
      stream.close();
    },
  });
}
