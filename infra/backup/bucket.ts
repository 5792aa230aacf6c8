/**
 * Makes: the S3 bucket of the backups, private, encrypted, versioned and by TLS only, and the user with whose key the host
 * writes below its prefix and can destroy no history (policies.ts).
 * Must be true first: credentials for an AWS account, as AWS's own programs find them (AWS_PROFILE or
 * AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment). Rights: s3:* on the bucket, iam:*User* and
 * iam:*AccessKey* on the user.
 * By hand: nothing. The bucket outlives its resource: a destroy forgets it and leaves it.
 */
// Not "@pulumi/aws" itself: it loads every service of AWS, in a fifth of a second of each preview.
import * as iam from "@pulumi/aws/iam";
import { Provider } from "@pulumi/aws/provider";
import * as s3 from "@pulumi/aws/s3";
import * as pulumi from "@pulumi/pulumi";
import type { BackupBucket } from "../settings/settings";
import { bucketPolicy, HISTORY_DAYS, userPolicy } from "./policies";

/** An upload that was not finished by then never will be. */
const UPLOAD_DAYS = 7;
/** Users of this program are together in the console. */
const USER_PATH = "/mail-stack/";

export interface BackupStoreArgs {
  readonly domain: string;
  readonly target: BackupBucket;
  /** Refuse to take the bucket out of the stack. */
  readonly protect: boolean;
}

/** With what the host logs in. Both are secret. */
export interface BackupKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export class BackupStore extends pulumi.ComponentResource {
  /** Secret. */
  readonly key: pulumi.Output<BackupKey>;
  readonly bucketName: pulumi.Output<string>;

  constructor(name: string, args: BackupStoreArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:BackupStore", name, {}, opts);
    const { domain, protect } = args;
    const { bucket: bucketName, prefix, region, isAdopted } = args.target;
    // Its own and not the default one: without this component there is no provider of AWS, and no login is asked for.
    const provider = new Provider(`${name}-aws`, { region }, { parent: this });
    const here = { parent: this, provider };

    const bucket = new s3.Bucket(
      `${name}-bucket`,
      { bucket: bucketName, region },
      {
        ...here,
        protect,
        retainOnDelete: true,
        // The tags of a bucket that was made by hand are its maker's.
        ...(isAdopted ? { import: bucketName, ignoreChanges: ["tags", "tagsAll"] } : {}),
      },
    );
    // What guards the bucket stays with it when it is taken out of the stack.
    const guard = { ...here, retainOnDelete: true };
    const at = { bucket: bucket.bucket, region };
    const access = new s3.BucketPublicAccessBlock(
      `${name}-private`,
      { ...at, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
      guard,
    );
    new s3.BucketOwnershipControls(`${name}-owner`, { ...at, rule: { objectOwnership: "BucketOwnerEnforced" } }, guard);
    new s3.BucketServerSideEncryptionConfiguration(
      `${name}-encryption`,
      { ...at, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
      guard,
    );
    const versioning = new s3.BucketVersioning(
      `${name}-versioning`,
      { ...at, versioningConfiguration: { status: "Enabled" } },
      guard,
    );
    new s3.BucketLifecycleConfiguration(
      `${name}-lifecycle`,
      {
        ...at,
        rules: [
          {
            id: `${prefix}: former versions`,
            status: "Enabled",
            filter: { prefix: `${prefix}/` },
            noncurrentVersionExpiration: { noncurrentDays: HISTORY_DAYS },
            expiration: { expiredObjectDeleteMarker: true },
          },
          {
            id: `${prefix}: broken uploads`,
            status: "Enabled",
            filter: { prefix: `${prefix}/` },
            abortIncompleteMultipartUpload: { daysAfterInitiation: UPLOAD_DAYS },
          },
        ],
      },
      // S3 refuses rules for versions where there are none.
      { ...guard, dependsOn: versioning },
    );

    const user = new iam.User(`${name}-user`, { name: userName(domain), path: USER_PATH }, here);
    const policy = new s3.BucketPolicy(
      `${name}-policy`,
      { ...at, policy: user.arn.apply((userArn) => JSON.stringify(bucketPolicy({ bucket: bucketName, userArn }))) },
      { ...guard, dependsOn: access },
    );
    const rights = new iam.UserPolicy(
      `${name}-rights`,
      { user: user.name, name: "backup", policy: JSON.stringify(userPolicy(args.target)) },
      here,
    );
    // Nobody gets a key before everything that limits it is there.
    const keyOf = (number: number) =>
      new iam.AccessKey(
        number === 1 ? `${name}-key` : `${name}-key-${number}`,
        { user: user.name },
        { ...here, dependsOn: [versioning, policy, rights], additionalSecretOutputs: ["secret", "sesSmtpPasswordV4"] },
      );
    const key = keyOf(args.target.keyNumber);
    if (args.target.keptKeyNumber !== undefined) keyOf(args.target.keptKeyNumber);

    this.bucketName = bucket.bucket;
    this.key = pulumi.secret(
      pulumi.all([key.id, key.secret]).apply(([accessKeyId, secretAccessKey]) => ({ accessKeyId, secretAccessKey })),
    );
    this.registerOutputs({ bucketName: this.bucketName });
  }
}

/** At most 64 characters (IAM quotas). */
function userName(domain: string): string {
  return `mail-backup-${domain}`.slice(0, 64).replace(/[^\w+=,.@-]/g, "-");
}
