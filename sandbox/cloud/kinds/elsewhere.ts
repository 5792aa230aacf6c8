import type { Kind } from "../kind";
import { textAt } from "../props";
import { Refusal } from "../refusal";

/** aws:s3/bucket:Bucket: names are global and follow S3's rules. */
export const s3Bucket: Kind = {
  replaceOn: ["bucket"],
  computed: ["arn", "bucketDomainName", "bucketRegionalDomainName", "hostedZoneId", "region", "bucketRegion"],
  filled: ["bucket", "forceDestroy", "tagsAll", "objectLockEnabled", "requestPayer"],
  create(inputs, world) {
    const bucket = textAt(inputs, "bucket") ?? `bucket-${world.newId()}`;
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
      throw new Refusal(400, undefined, `InvalidBucketName: ${bucket}`);
    if (world.all("aws:s3/bucket:Bucket").some((other) => other.id === bucket))
      throw new Refusal(409, undefined, `BucketAlreadyOwnedByYou: ${bucket}`);
    return { id: bucket, props: { ...inputs, bucket, arn: `arn:aws:s3:::${bucket}` } };
  },
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete: () => undefined,
};

/** command:remote:Command: no read of its own. Its provider (sandbox/engine/command.ts) runs it; this keeps what it left. */
export const remoteCommand: Kind = {
  secret: ["connection"],
  replaceOn: ["triggers"],
  computed: ["stdout", "stderr"],
  filled: ["addPreviousOutputInEnv"],
  // The archive of files.
  encoded: ["stdin"],
  create: (inputs, world) => ({ id: world.newId(), props: { stdout: "", stderr: "", ...inputs } }),
  update: (_remote, inputs) => ({ stdout: "", stderr: "", ...inputs }),
  delete: () => undefined,
};
