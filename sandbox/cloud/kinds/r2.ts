import type { Kind } from "../kind";
import { at, isProps, listAt, numberAt, type Props, textAt } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";

export const R2_BUCKET = "cloudflare:index/r2Bucket:R2Bucket";
export const R2_LIFECYCLE = "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle";

/** The provider has no id for a lifecycle: it says so in its place (facts: observed). */
const MISSING_ID = "missing ID";

/** cloudflare:index/r2Bucket:R2Bucket: a bucket of the account; its objects are the edge's. */
export const r2Bucket: Kind = {
  importId: {
    format: "<account_id>/<bucket_name>/<jurisdiction>",
    find: ([, name], world) => world.find(R2_BUCKET, (props) => props["name"] === name),
  },
  replaceOn: ["accountId", "name", "jurisdiction", "location"],
  computed: ["creationDate"],
  filled: ["jurisdiction", "location", "storageClass"],
  create(inputs, world) {
    refuseWithoutR2(world);
    const name = textAt(inputs, "name") ?? "";
    if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name))
      throw new Refusal(400, 10005, "The specified bucket name is not valid.");
    if (world.find(R2_BUCKET, (props) => props["name"] === name))
      throw new Refusal(409, 10004, "The bucket you tried to create already exists, and you own it.");
    const creationDate = new Date().toISOString();
    return { id: name, props: { jurisdiction: "default", storageClass: "Standard", ...inputs, creationDate } };
  },
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete(remote, world) {
    if (!world.buckets.isEmpty(remote.id))
      throw new Refusal(409, 10008, "The bucket you tried to delete is not empty.");
    world.forget(R2_LIFECYCLE, remote.id);
  },
};

/** cloudflare:index/r2BucketLifecycle:R2BucketLifecycle: all rules of a bucket, written at once. */
export const r2BucketLifecycle: Kind = {
  replaceOn: ["accountId", "bucketName", "jurisdiction"],
  computed: [],
  filled: ["jurisdiction"],
  place: (_id, props) => textAt(props, "bucketName") ?? "",
  check(inputs) {
    const ages = listAt(inputs, "rules").flatMap((rule) =>
      ["abortMultipartUploadsTransition", "deleteObjectsTransition"].map((kind) => at(rule, `${kind}.condition.type`)),
    );
    const wrong = ages.find((type) => type !== undefined && type !== "Age" && type !== "Date");
    return wrong === undefined
      ? undefined
      : `condition type value must be one of: ["Age" "Date"], got: ${JSON.stringify(wrong)}`;
  },
  create: (inputs, world) => ({ id: MISSING_ID, props: withRules(inputs, world) }),
  update: (_remote, inputs, world) => withRules(inputs, world),
  stays: true,
  delete: () => undefined,
};

/** @throws Refusal as every call about R2 is answered in an account that has not subscribed to it. */
export function refuseWithoutR2(world: World): void {
  if (!world.r2Enabled) throw new Refusal(403, 10042, "Please enable R2 through the Cloudflare Dashboard.");
}

function withRules(inputs: Props, world: World): Props {
  const bucket = textAt(inputs, "bucketName");
  if (!world.find(R2_BUCKET, (props) => props["name"] === bucket))
    throw new Refusal(404, 10006, "The specified bucket does not exist.");
  const rules = listAt(inputs, "rules");
  const ids = rules.map((rule) => textAt(rule, "id"));
  const complete = rules.every(
    (rule) => textAt(rule, "id") && isProps(rule["conditions"]) && rule["enabled"] !== undefined,
  );
  if (!complete || new Set(ids).size < ids.length || rules.some(hasNoAction))
    throw new Refusal(400, 10040, "The lifecycle rules are not valid.");
  return inputs;
}

function hasNoAction(rule: Props): boolean {
  const ages = ["abortMultipartUploadsTransition", "deleteObjectsTransition"].map((kind) =>
    at(rule, `${kind}.condition`),
  );
  return !ages.some((age) => isProps(age) && ((numberAt(age, "maxAge") ?? 0) > 0 || textAt(age, "date") !== undefined));
}
