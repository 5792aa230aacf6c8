/**
 * Who may do what with the backups, as IAM policy documents (IAM User Guide, "Policies and permissions"). The host's key
 * may read, write and delete below its prefix, because restic's `forget --prune` runs there. It can destroy no history:
 * the bucket keeps every former version for {@link HISTORY_DAYS}, and nothing that the key may do shortens that.
 */

export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: "*";
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}

/** How long what was deleted or overwritten can be brought back, in days. */
export const HISTORY_DAYS = 30;

/** What would destroy versions, or what keeps them. */
const DESTROYS_HISTORY = [
  "s3:DeleteObjectVersion",
  "s3:DeleteObjectVersionTagging",
  "s3:PutBucketVersioning",
  "s3:PutLifecycleConfiguration",
  "s3:PutBucketPolicy",
  "s3:DeleteBucketPolicy",
  "s3:PutBucketAcl",
  "s3:PutObjectAcl",
  "s3:PutObjectVersionAcl",
  "s3:PutBucketPublicAccessBlock",
  "s3:PutBucketOwnershipControls",
  "s3:PutEncryptionConfiguration",
  "s3:PutReplicationConfiguration",
  "s3:BypassGovernanceRetention",
  "s3:DeleteBucket",
];

function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

/** What the host's user may do: what restic does, below its prefix. */
export function userPolicy({ bucket, prefix }: { bucket: string; prefix: string }): PolicyDocument {
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "ReadWriteBelowThePrefix",
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        Resource: `${bucketArn(bucket)}/${prefix}/*`,
      },
      {
        // Without it S3 answers 403 instead of 404 for what is not there, and restic could not tell the two apart.
        Sid: "ListThePrefix",
        Effect: "Allow",
        Action: "s3:ListBucket",
        Resource: bucketArn(bucket),
        Condition: { StringLike: { "s3:prefix": [prefix, `${prefix}/*`] } },
      },
    ],
  };
}

/** What holds for everyone, whatever their own policies allow. */
export function bucketPolicy({ bucket, userArn }: { bucket: string; userArn: string }): PolicyDocument {
  const all = [bucketArn(bucket), `${bucketArn(bucket)}/*`];
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "OnlyByTls",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: all,
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
      {
        // By its ARN and not as a principal: a principal is a user's id, and a user made anew has another one.
        Sid: "TheHostDestroysNoHistory",
        Effect: "Deny",
        Principal: "*",
        Action: DESTROYS_HISTORY,
        Resource: all,
        Condition: { ArnEquals: { "aws:PrincipalArn": userArn } },
      },
    ],
  };
}
