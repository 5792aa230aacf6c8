import type { SpoolBucket } from "./env";
import type { Fetch } from "./http";

/** What one invocation has asked of the world outside so far. The platform counts as well, and refuses what is too much. */
export interface Usage {
  /** Over the internet. */
  readonly requests: () => number;
  /** On the bucket. */
  readonly operations: () => number;
}

/** A fetch and a bucket that count. */
export interface Counted extends Usage {
  readonly fetch: Fetch;
  readonly bucket: SpoolBucket;
}

export function counted(fetch: Fetch, bucket: SpoolBucket): Counted {
  let requests = 0;
  let operations = 0;
  return {
    requests: () => requests,
    operations: () => operations,
    fetch: (url, init) => {
      requests++;
      return fetch(url, init);
    },
    bucket: {
      put: (key, value, options) => operation(bucket.put(key, value, options)),
      get: (key) => operation(bucket.get(key)),
      head: (key) => operation(bucket.head(key)),
      list: (options) => operation(bucket.list(options)),
      delete: (key) => operation(bucket.delete(key)),
    },
  };

  function operation<T>(promise: Promise<T>): Promise<T> {
    operations++;
    return promise;
  }
}
