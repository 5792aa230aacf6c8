/** One object as R2's HTTP API lists it. */
export interface BucketObject {
  readonly key: string;
  readonly size: number;
  readonly uploaded: Date;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What lies in the account's R2 buckets. The cloud knows their names; the edge, where Workers run, holds the objects. */
export interface Buckets {
  isEmpty(bucket: string): boolean;
  /** In lexicographic order of the keys. */
  list(bucket: string, prefix: string): Promise<readonly BucketObject[]>;
  get(bucket: string, key: string): Promise<{ bytes: Buffer; metadata: Readonly<Record<string, string>> } | undefined>;
  put(bucket: string, key: string, bytes: Buffer, metadata?: Readonly<Record<string, string>>): Promise<void>;
  delete(bucket: string, key: string): Promise<void>;
}

/** For a world in which no Worker runs. */
export function noObjects(): Buckets {
  return {
    isEmpty: () => true,
    list: () => Promise.resolve([]),
    get: () => Promise.resolve(undefined),
    put: () => Promise.reject(new Error("no Worker runs, so no bucket holds objects")),
    delete: () => Promise.resolve(),
  };
}
