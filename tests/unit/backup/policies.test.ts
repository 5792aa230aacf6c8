import { bucketPolicy, type PolicyDocument, userPolicy } from "../../../infra/backup/policies";
import { type Decision, evaluate } from "./evaluate";

const BUCKET = "augustin-backups";
const ARN = `arn:aws:s3:::${BUCKET}`;
const USER = "arn:aws:iam::123456789012:user/mail-stack/mail-backup-augustin.ai";
const ADMIN = "arn:aws:iam::123456789012:user/admin";

const USERS = userPolicy({ bucket: BUCKET, prefix: "i3" });
const BUCKETS = bucketPolicy({ bucket: BUCKET, userArn: USER });
const EVERYTHING: PolicyDocument = {
  Version: "2012-10-17",
  Statement: [{ Sid: "All", Effect: "Allow", Action: "*", Resource: "*" }],
};

interface Call {
  readonly action: string;
  readonly resource: string;
  readonly prefix?: string;
}

/** The calls of S3 that each of restic's steps makes (minio-go in restic 0.18.1; HEAD is GetObject, list is ListBucket). */
const RESTIC: Readonly<Record<string, readonly Call[]>> = {
  // S3 asks for ListBucket with the key as the prefix before it says 404.
  "see that there is no repository": [get("config"), { action: "s3:ListBucket", resource: ARN, prefix: "i3/config" }],
  init: [put("config"), put("keys/a"), list("i3/keys/")],
  backup: [put("data/00/a"), put("index/a"), put("snapshots/a"), list("i3/data/")],
  "lock and unlock": [put("locks/a"), list("i3/locks/"), remove("locks/a")],
  "forget and prune": [remove("snapshots/a"), remove("data/00/a"), remove("index/a")],
  restore: [list("i3/snapshots/"), get("snapshots/a"), get("data/00/a")],
};

function get(key: string): Call {
  return { action: "s3:GetObject", resource: `${ARN}/i3/${key}` };
}
function put(key: string): Call {
  return { action: "s3:PutObject", resource: `${ARN}/i3/${key}` };
}
function remove(key: string): Call {
  return { action: "s3:DeleteObject", resource: `${ARN}/i3/${key}` };
}
function list(prefix: string): Call {
  return { action: "s3:ListBucket", resource: ARN, prefix };
}

function decide(
  call: Call,
  { principal = USER, tls = true, identity = USERS, resource = BUCKETS }: Partial<Situation> = {},
): Decision {
  const context = {
    "aws:SecureTransport": String(tls),
    ...(call.prefix === undefined ? {} : { "s3:prefix": call.prefix }),
  };
  return evaluate({ principal, action: call.action, resource: call.resource, context }, [identity], [resource]);
}

/** What would destroy history, and on what. */
const FORBIDDEN: readonly (readonly [action: string, resource: string])[] = [
  ["s3:DeleteObjectVersion", `${ARN}/i3/data/00/a`],
  ["s3:DeleteObjectVersionTagging", `${ARN}/i3/data/00/a`],
  ["s3:PutBucketVersioning", ARN],
  ["s3:PutLifecycleConfiguration", ARN],
  ["s3:PutBucketPolicy", ARN],
  ["s3:DeleteBucketPolicy", ARN],
  ["s3:PutBucketAcl", ARN],
  ["s3:PutObjectAcl", `${ARN}/i3/data/00/a`],
  ["s3:PutObjectVersionAcl", `${ARN}/i3/data/00/a`],
  ["s3:PutBucketPublicAccessBlock", ARN],
  ["s3:PutBucketOwnershipControls", ARN],
  ["s3:PutEncryptionConfiguration", ARN],
  ["s3:PutReplicationConfiguration", ARN],
  ["s3:BypassGovernanceRetention", `${ARN}/i3/data/00/a`],
  ["s3:DeleteBucket", ARN],
];

interface Situation {
  readonly principal: string;
  readonly tls: boolean;
  readonly identity: PolicyDocument;
  readonly resource: PolicyDocument;
}

describe("the host's key", () => {
  it.each(Object.entries(RESTIC))("lets restic %s", (_step, calls) => {
    expect(calls.map((call) => decide(call))).toEqual(calls.map(() => "allowed"));
  });

  it.each(USERS.Statement.map(({ Sid }) => Sid))("needs the statement %s", (left) => {
    const identity = without(USERS, left);
    const failing = Object.entries(RESTIC).filter(([, calls]) =>
      calls.some((call) => decide(call, { identity }) !== "allowed"),
    );
    expect(failing).not.toEqual([]);
  });

  it.each(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"])("needs the action %s", (left) => {
    const identity: PolicyDocument = {
      ...USERS,
      Statement: USERS.Statement.map((each) => ({
        ...each,
        Action: typeof each.Action === "string" ? each.Action : each.Action.filter((action) => action !== left),
      })),
    };
    const calls = Object.values(RESTIC).flat();
    expect(calls.some((call) => decide(call, { identity }) !== "allowed")).toBe(true);
  });

  it.each<Call>([
    { action: "s3:GetObject", resource: `${ARN}/other/config` },
    { action: "s3:GetObject", resource: `${ARN}/i3-other/config` },
    { action: "s3:PutObject", resource: `${ARN}/i3` },
    { action: "s3:GetObject", resource: "arn:aws:s3:::somebody-elses/i3/config" },
    { action: "s3:GetObjectVersion", resource: `${ARN}/i3/config` },
    { action: "s3:ListBucket", resource: ARN },
    { action: "s3:ListBucket", resource: ARN, prefix: "" },
    { action: "s3:ListBucket", resource: ARN, prefix: "other/" },
    { action: "s3:ListBucketVersions", resource: ARN, prefix: "i3/" },
    { action: "s3:ListAllMyBuckets", resource: "*" },
    { action: "iam:CreateAccessKey", resource: USER },
    { action: "sts:AssumeRole", resource: "arn:aws:iam::123456789012:role/admin" },
  ])("may not $action on $resource $prefix", (call) => {
    expect(decide(call)).toBe("implicitly denied");
  });

  // Also with every right in the world, given by mistake.
  it.each(FORBIDDEN)("cannot %s", (action, resource) => {
    expect(decide({ action, resource }, { identity: EVERYTHING })).toBe("denied");
    // The statement is what denies it, and it hits nobody else.
    const dropped = without(BUCKETS, "TheHostDestroysNoHistory");
    expect(decide({ action, resource }, { identity: EVERYTHING, resource: dropped })).toBe("allowed");
    expect(decide({ action, resource }, { identity: EVERYTHING, principal: ADMIN })).toBe("allowed");
  });
});

it("the policy denies nothing beyond what is tried above", () => {
  const [statement] = BUCKETS.Statement.filter(({ Sid }) => Sid === "TheHostDestroysNoHistory");
  expect([statement?.Action ?? []].flat().sort()).toEqual(FORBIDDEN.map(([action]) => action).sort());
});

describe("the bucket", () => {
  it("is reached by TLS only, by everyone", () => {
    for (const principal of [USER, ADMIN]) {
      expect(decide(get("config"), { principal, tls: false, identity: EVERYTHING })).toBe("denied");
      expect(
        decide(get("config"), { principal, tls: false, identity: EVERYTHING, resource: without(BUCKETS, "OnlyByTls") }),
      ).toBe("allowed");
    }
  });

  it("gives nobody anything by its own policy", () => {
    expect(BUCKETS.Statement.filter(({ Effect }) => Effect === "Allow")).toEqual([]);
  });
});

function without(policy: PolicyDocument, sid: string): PolicyDocument {
  const Statement = policy.Statement.filter(({ Sid }) => Sid !== sid);
  if (Statement.length === policy.Statement.length) throw new Error(`There is no statement ${sid}.`);
  return { ...policy, Statement };
}
