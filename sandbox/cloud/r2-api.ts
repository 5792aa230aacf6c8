import { createHash } from "node:crypto";

import { R2_BUCKET } from "./kinds/r2";
import { lifecycleOf } from "./list-api";
import type { World } from "./world";

/** An answer of the API: JSON in its envelope, or an object's bytes. */
export type R2Answer =
  | { readonly bytes: Buffer }
  | { readonly result: unknown; readonly info?: unknown }
  | { readonly status: number; readonly code: number; readonly message: string };

const MOST_PER_PAGE = 1_000;
const BUCKETS_PER_PAGE = 20;

/**
 * The buckets and objects of R2 in Cloudflare's HTTP API (npm `cloudflare` 7.3.0, resources/r2/buckets/objects.d.ts).
 * Objects that are put this way have no custom metadata: the API has no parameter for it.
 *
 * @param path what follows `/accounts/{id}/r2/buckets`
 * @returns undefined when there is no such endpoint
 */
export async function answerR2(
  world: World,
  method: string,
  path: string,
  query: URLSearchParams,
  body: Buffer,
): Promise<R2Answer | undefined> {
  if (!world.r2Enabled)
    return { status: 403, code: 10_042, message: "Please enable R2 through the Cloudflare Dashboard." };
  const names = world.all(R2_BUCKET).map(({ props }) => String(props["name"]));
  if (path === "" && method === "GET") return listBuckets(names, query);
  const [, encodedBucket = "", objects, ...rest] = path.split("/");
  const bucket = decodeURIComponent(encodedBucket);
  if (objects === "lifecycle" && method === "GET" && names.includes(bucket))
    return { result: lifecycleOf(world, bucket) };
  if (objects !== "objects") return undefined;
  if (!names.includes(bucket)) return { status: 404, code: 10_006, message: "The specified bucket does not exist." };
  const key = decodeURIComponent(rest.join("/"));
  if (key === "") return method === "GET" ? await list(world, bucket, query) : undefined;
  switch (method) {
    case "GET": {
      const object = await world.buckets.get(bucket, key);
      if (object) return { bytes: object.bytes };
      return { status: 404, code: 10_007, message: "The specified key does not exist." };
    }
    case "PUT":
      await world.buckets.put(bucket, key, body);
      return { result: { key, etag: etag(body), size: String(body.length) } };
    case "DELETE":
      await world.buckets.delete(bucket, key);
      return { result: { key } };
    default:
      return undefined;
  }
}

/** In the order of their names, page after page (npm `cloudflare` 7.3.0, resources/r2/buckets/buckets.d.ts). */
function listBuckets(names: readonly string[], query: URLSearchParams): R2Answer {
  const after = Buffer.from(query.get("cursor") ?? "", "base64url").toString();
  const left = names.filter((name) => name > after).sort();
  const page = left.slice(0, Math.min(Number(query.get("per_page") ?? BUCKETS_PER_PAGE), MOST_PER_PAGE));
  const last = page.at(-1) ?? "";
  const info = page.length < left.length ? { cursor: Buffer.from(last).toString("base64url") } : {};
  return { result: { buckets: page.map((name) => ({ name })) }, info: { per_page: page.length, ...info } };
}

async function list(world: World, bucket: string, query: URLSearchParams): Promise<R2Answer> {
  const after = Buffer.from(query.get("cursor") ?? "", "base64url").toString();
  const left = (await world.buckets.list(bucket, query.get("prefix") ?? "")).filter(({ key }) => key > after);
  const page = left.slice(0, Math.min(Number(query.get("per_page") ?? MOST_PER_PAGE), MOST_PER_PAGE));
  const truncated = page.length < left.length;
  const last = page.at(-1)?.key ?? "";
  return {
    result: page.map(({ key, size, uploaded, metadata }) => ({
      key,
      size,
      last_modified: uploaded.toISOString(),
      custom_metadata: metadata,
      storage_class: "Standard",
    })),
    info: { is_truncated: truncated, ...(truncated ? { cursor: Buffer.from(last).toString("base64url") } : {}) },
  };
}

function etag(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}
