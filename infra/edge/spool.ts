/**
 * Makes: the R2 bucket in which mail waits while home does not take it (`spool/`, and `dead/` for what home refuses for
 * good), and which remembers what was delivered (`ledger/`) and
 * which Message-IDs came by LMTP (`ids/`). All but `spool/` expires.
 * Must be true first: R2 is switched on for the account (preflight asks).
 * By hand: nothing. The bucket outlives its resource: a destroy forgets it and leaves it, with all mail in it. To take it
 * into a stack again: `pulumi import cloudflare:index/r2Bucket:R2Bucket spool-bucket ACCOUNT_ID/BUCKET/default`.
 * Token scopes: Workers R2 Storage Write on the account.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

import { expiries } from "./spool-rules";

const SECONDS_PER_DAY = 86_400;

/** Cloudflare's own rule for a new bucket, written out because ours replace it. */
const UPLOAD_DAYS = 7;

export interface SpoolArgs {
  readonly accountId: string;
  readonly bucket: string;
  /** After that many days it is forgotten that a message was delivered. */
  readonly ledgerDays: number;
  /** Refuse to take the bucket out of the stack. */
  readonly protect: boolean;
}

export class Spool extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;

  constructor(name: string, args: SpoolArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:Spool", name, {}, opts);
    const { accountId, protect } = args;

    const bucket = new cloudflare.R2Bucket(
      `${name}-bucket`,
      { accountId, name: args.bucket },
      { parent: this, protect, retainOnDelete: true },
    );
    new cloudflare.R2BucketLifecycle(
      `${name}-lifecycle`,
      {
        accountId,
        bucketName: bucket.name,
        rules: [
          ...expiries(args.ledgerDays).map(({ id, prefix, days }) => ({
            id,
            enabled: true,
            conditions: { prefix },
            deleteObjectsTransition: { condition: { type: "Age", maxAge: days * SECONDS_PER_DAY } },
          })),
          {
            id: "end broken uploads",
            enabled: true,
            conditions: { prefix: "" },
            abortMultipartUploadsTransition: { condition: { type: "Age", maxAge: UPLOAD_DAYS * SECONDS_PER_DAY } },
          },
        ],
      },
      { parent: this },
    );

    this.bucketName = bucket.name;
    this.registerOutputs({ bucketName: this.bucketName });
  }
}
