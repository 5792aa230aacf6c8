import type { Clock } from "../clock";
import { isTooMany } from "../http";
import type { Fetch } from "../http";
import { TransientError } from "../transient";
import type { ByteStream } from "./stream";

/** The hostname whose ingress rule leads to the LMTP listener, and the service token that Access wants for it. */
export interface LmtpAddress {
  /** `https://lmtp.<domain>` */
  readonly url: URL;
  readonly accessClientId: string;
  readonly accessClientSecret: string;
}

/** The part of a Worker's WebSocket that is used. A type of its own, so that tests need nothing of the Workers' types. */
export interface WorkerWebSocket {
  binaryType: "blob" | "arraybuffer";
  readonly readyState: number;
  readonly accept: () => void;
  readonly send: (message: Uint8Array) => void;
  readonly close: (code: number) => void;
  readonly addEventListener: (type: "message" | "close" | "error", listener: (event: Event) => void) => void;
}

type UpgradeResponse = Response & { readonly webSocket?: WorkerWebSocket | null };

/**
 * Bytes of one WebSocket message, at most. cloudflared (2026.8.2: websocket/connection.go, cfio/copy.go) reads a message
 * into a buffer of 16 KiB and drops the rest of it without a word, so a larger one would lose bytes of the mail. Its own
 * client never sends a larger one. Cloudflare's limit of 1 MiB for messages to a Worker is far above.
 */
export const FRAME_BYTES = 16 * 1024;

/** Replies that nobody asked for: a WebSocket cannot be told to wait. */
export const MAX_UNREAD_BYTES = 64 * 1024;

const SWITCHING_PROTOCOLS = 101;
const NORMAL_CLOSURE = 1000;
const OPEN = 1;

/**
 * Opens a TCP connection through Access and the tunnel, as `cloudflared access tcp` does: a WebSocket whose binary
 * messages carry the bytes (RFC 6455). cloudflared answers 101 after it has reached the listener.
 * @throws TransientError when the answer is another one; it names the status and nothing of the address.
 */
export async function openWebSocket(
  fetch: Fetch,
  { url, accessClientId, accessClientSecret }: LmtpAddress,
  connectMs: number,
  clock: Clock,
): Promise<ByteStream> {
  const headers = {
    Upgrade: "websocket",
    "CF-Access-Client-Id": accessClientId,
    "CF-Access-Client-Secret": accessClientSecret,
  };
  const unneeded = new AbortController();
  // A redirect leads to Access' login page, and the secret must not go along.
  const opening = fetch(url, { headers, redirect: "manual", signal: unneeded.signal });
  let response: Response;
  try {
    response = await clock.within(connectMs, "lmtp connect", opening);
  } catch (error) {
    unneeded.abort();
    if (isTooMany(error)) throw new TransientError("lmtp connect: the platform allows no more requests", "limit");
    const isLate = error instanceof TransientError;
    throw new TransientError(isLate ? error.message : "lmtp connect: the connection failed");
  }
  const { status } = response;
  const socket = (response as UpgradeResponse).webSocket;
  if (status === SWITCHING_PROTOCOLS && socket) return streamOf(socket);
  await response.body?.cancel().catch(() => undefined);
  throw new TransientError(`lmtp connect: status ${status}${hintOf(status)}`);
}

function hintOf(status: number): string {
  if (status >= 300 && status < 400) return ", a redirect: Access does not know the service token";
  if (status === 401 || status === 403) return ", Access does not admit the service token";
  return "";
}

/** Accepts the WebSocket and reads and writes it as bytes. */
export function streamOf(socket: WorkerWebSocket): ByteStream {
  const unread: Uint8Array[] = [];
  let unreadBytes = 0;
  let end: "open" | "closed" | "broken" = "open";
  let wake: (() => void) | undefined;

  // Blobs are the default since 2026, and would be read later than the next event.
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", (event) => {
    const { data } = event as Event & { readonly data?: unknown };
    if (end !== "open") return;
    if (!(data instanceof ArrayBuffer)) return finish("broken");
    unread.push(new Uint8Array(data));
    unreadBytes += data.byteLength;
    if (unreadBytes > MAX_UNREAD_BYTES) return finish("broken");
    wake?.();
  });
  // cloudflared ends without a Close frame when the listener closes (code 1006), so this is an ordinary end.
  socket.addEventListener("close", () => finish("closed"));
  socket.addEventListener("error", () => finish("broken"));
  socket.accept();
  return { read, write, close };

  function finish(how: "closed" | "broken"): void {
    if (end !== "open") return;
    end = how;
    wake?.();
    if (how === "broken") shut();
  }

  function shut(): void {
    try {
      socket.close(NORMAL_CLOSURE);
    } catch {
      // It was closed already.
    }
  }

  async function read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = unread.shift();
      if (bytes !== undefined) {
        unreadBytes -= bytes.byteLength;
        if (bytes.byteLength > 0) return bytes;
        continue;
      }
      if (end === "broken") throw new Error("the WebSocket broke");
      if (end === "closed") return undefined;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  /**
   * The runtime queues what is sent and does not say how much (no `bufferedAmount` in workerd), so this resolves at once:
   * who writes much waits for the server's replies (see CHUNK_BYTES of the client).
   */
  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws is a rejection
  async function write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.byteLength; offset += FRAME_BYTES) {
      // A closed one takes messages and forgets them.
      if (end !== "open" || socket.readyState !== OPEN) throw new Error("the WebSocket is closed");
      socket.send(bytes.subarray(offset, offset + FRAME_BYTES));
    }
  }

  function close(): void {
    finish("closed");
    shut();
  }
}
