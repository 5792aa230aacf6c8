/**
 * A connection to home, whatever carries it. The LMTP client knows nothing else of the runtime. Nothing here has a time
 * budget of its own: who calls gives up, and then closes.
 */
export interface ByteStream {
  /** The next bytes, at least one; undefined once the other side has closed. Rejects when the connection broke. */
  readonly read: () => Promise<Uint8Array | undefined>;
  /** Resolves when the connection takes more; rejects when it is closed or broken. The bytes must not change any more. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Ends both directions; what was written before still goes out. A pending read ends. Never fails. */
  readonly close: () => void;
}
