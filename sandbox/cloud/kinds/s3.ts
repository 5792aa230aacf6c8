import type { Kind, Remote } from "../kind";
import { at, listAt, numberAt, type Props, textAt } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";
import { checkedPolicy } from "./aws-policy";

export const S3_BUCKET = "aws:s3/bucket:Bucket";
const PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock";
const VERSIONING = "aws:s3/bucketVersioning:BucketVersioning";
const COMPANION_ID = ["bucket", "region", "expectedBucketOwner"];

/** aws:s3/bucket:Bucket: names are global and follow S3's rules. */
export const s3Bucket: Kind = {
  replaceOn: ["bucket", "region"],
  computed: ["arn", "bucketDomainName", "bucketRegionalDomainName", "hostedZoneId", "bucketRegion"],
  filled: ["bucket", "forceDestroy", "tagsAll", "objectLockEnabled", "requestPayer", "region"],
  create(inputs, world) {
    const bucket = textAt(inputs, "bucket") ?? `bucket-${world.newId()}`;
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
      throw new Refusal(400, undefined, `InvalidBucketName: ${bucket}`);
    if (world.all(S3_BUCKET).some((other) => other.id === bucket))
      throw new Refusal(409, undefined, `BucketAlreadyOwnedByYou: ${bucket}`);
    return { id: bucket, props: { ...inputs, bucket, arn: `arn:aws:s3:::${bucket}` } };
  },
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete: () => undefined,
};

/** What belongs to one bucket and is kept under its name. */
function companion(check: (inputs: Props, world: World, bucket: Remote) => void): Kind {
  const written = (inputs: Props, world: World): Props => {
    const bucket = world.all(S3_BUCKET).find(({ id }) => id === textAt(inputs, "bucket"));
    if (bucket === undefined) throw new Refusal(404, undefined, "NoSuchBucket: The specified bucket does not exist");
    if (textAt(inputs, "region") !== textAt(bucket.props, "region"))
      throw new Refusal(301, undefined, "PermanentRedirect: the bucket is in another region");
    check(inputs, world, bucket);
    return inputs;
  };
  return {
    replaceOn: COMPANION_ID,
    computed: [],
    filled: ["region", "transitionDefaultMinimumObjectSize", "skipDestroy"],
    create: (inputs, world) => ({ id: textAt(inputs, "bucket") ?? "", props: written(inputs, world) }),
    update: (_remote, inputs, world) => written(inputs, world),
    delete: () => undefined,
  };
}

export const s3Kinds: Readonly<Record<string, Kind>> = {
  [S3_BUCKET]: s3Bucket,
  [PUBLIC_ACCESS]: companion(() => undefined),
  [VERSIONING]: companion((inputs) => {
    const status = at(inputs, "versioningConfiguration.status");
    // "Disabled" only exists for buckets that never had versions.
    if (status !== "Enabled" && status !== "Suspended") throw refused("MalformedXML: versioning status");
  }),
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": companion((inputs) => {
    const owner = at(inputs, "rule.objectOwnership");
    if (!["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"].includes(String(owner)))
      throw refused("MalformedXML: objectOwnership");
  }),
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": companion((inputs) => {
    const [rule] = listAt(inputs, "rules");
    const algorithm = rule && at(rule, "applyServerSideEncryptionByDefault.sseAlgorithm");
    if (!["AES256", "aws:kms", "aws:kms:dsse"].includes(String(algorithm))) throw refused("MalformedXML: sseAlgorithm");
  }),
  "aws:s3/bucketPolicy:BucketPolicy": companion((inputs, world, bucket) => {
    const statements = checkedPolicy(textAt(inputs, "policy"), "bucket");
    const access = world.find(PUBLIC_ACCESS, (props) => props["bucket"] === bucket.id);
    const isPublic = statements.some(({ Effect, Principal }) => Effect === "Allow" && Principal === "*");
    if (isPublic && access?.props["blockPublicPolicy"] === true)
      throw new Refusal(403, undefined, "AccessDenied: public policies are blocked by the BlockPublicPolicy setting");
    const arn = `arn:aws:s3:::${bucket.id}`;
    const resources = statements.flatMap(({ Resource }): unknown[] =>
      Array.isArray(Resource) ? Resource : [Resource],
    );
    if (!resources.every((resource) => resource === arn || String(resource).startsWith(`${arn}/`)))
      throw refused("MalformedPolicy: Policy has invalid resource");
  }),
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": companion((inputs, world, bucket) => {
    const rules = listAt(inputs, "rules");
    const ids = rules.map((rule) => textAt(rule, "id"));
    if (rules.length === 0 || new Set(ids).size < ids.length) throw refused("InvalidArgument: Rule ID must be unique");
    const versioned = world.find(VERSIONING, (props) => props["bucket"] === bucket.id);
    for (const rule of rules) checkLifecycleRule(rule, versioned !== undefined);
  }),
};

function checkLifecycleRule(rule: Props, isVersioned: boolean): void {
  const id = textAt(rule, "id") ?? "";
  if (id === "" || id.length > 255) throw refused("InvalidArgument: ID length should not exceed allowed limit of 255");
  if (!["Enabled", "Disabled"].includes(textAt(rule, "status") ?? "")) throw refused("MalformedXML: status");
  if (at(rule, "filter") === undefined) throw refused("MalformedXML: a rule needs a filter");
  const days = ["noncurrentVersionExpiration.noncurrentDays", "abortIncompleteMultipartUpload.daysAfterInitiation"].map(
    (path) => at(rule, path),
  );
  const marker = at(rule, "expiration.expiredObjectDeleteMarker");
  if (days.every((value) => value === undefined) && marker === undefined && at(rule, "expiration.days") === undefined)
    throw refused("InvalidRequest: At least one action needs to be specified in a rule.");
  if (days.some((value) => value !== undefined && !(typeof value === "number" && value >= 1)))
    throw refused("InvalidArgument: days must be a positive integer");
  if (marker !== undefined && numberAt(rule, "expiration.days") !== undefined)
    throw refused("MalformedXML: expiredObjectDeleteMarker with days");
  if (!isVersioned && days[0] !== undefined) throw refused("InvalidRequest: the bucket has no versions");
}

function refused(text: string): Refusal {
  return new Refusal(400, undefined, text);
}
