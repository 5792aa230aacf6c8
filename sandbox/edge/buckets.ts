import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import type { Buckets } from "../cloud/buckets";
import { SCRIPT } from "../cloud/kinds/workers";
import { listAt, textAt } from "../cloud/props";
import type { World } from "../cloud/world";
import type { BucketView } from "./worker-runtime";
import type { Workers } from "./workers";

/** The buckets as workerd holds them, reached through the Worker that is bound to each. */
export function edgeBuckets(world: World, workers: Workers): Buckets {
  return {
    isEmpty(bucket) {
      const blobs = join(workers.bucketFolder, bucket, "blobs");
      return !existsSync(blobs) || readdirSync(blobs).length === 0;
    },
    list: async (bucket, prefix) => (await view(bucket)).objects(prefix),
    get: async (bucket, key) => (await view(bucket)).get(key),
    put: async (bucket, key, bytes, metadata) => (await view(bucket)).put(key, bytes, metadata),
    delete: async (bucket, key) => (await view(bucket)).delete(key),
  };

  async function view(bucket: string): Promise<BucketView> {
    for (const { props } of world.all(SCRIPT))
      for (const binding of listAt(props, "bindings"))
        if (binding["type"] === "r2_bucket" && binding["bucketName"] === bucket)
          return (await workers.of(props)).bucket(textAt(binding, "name") ?? "");
    throw new Error(`the sandbox cannot look into the bucket ${bucket}: no Worker is bound to it`);
  }
}
