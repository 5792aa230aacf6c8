import { bucketPolicy, userPolicy } from "../../../infra/backup/policies";
import type { Props } from "../../../sandbox/cloud/props";
import { AWS, emptyWorld, refusalOf, TYPE } from "./cloud";

const BUCKET = "mail-backups";
const USER = "mail-backup";
const REGION = "us-east-1";
const at = { bucket: BUCKET, region: REGION };
const rule = (changes: Props = {}): Props => ({
  id: "old",
  status: "Enabled",
  filter: { prefix: "i3/" },
  noncurrentVersionExpiration: { noncurrentDays: 30 },
  ...changes,
});
const policies = {
  bucket: JSON.stringify(bucketPolicy({ bucket: BUCKET, userArn: "arn:aws:iam::1:user/x" })),
  user: JSON.stringify(userPolicy({ bucket: BUCKET, prefix: "i3" })),
  open: JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Sid: "All", Effect: "Allow", Principal: "*", Action: "s3:*", Resource: `arn:aws:s3:::${BUCKET}` }],
  }),
};

function withBucket() {
  const world = emptyWorld();
  world.create(TYPE.bucket, "bucket", at);
  world.create(AWS.access, "access", { ...at, blockPublicPolicy: true });
  world.create(AWS.user, "user", { name: USER, path: "/mail-stack/" });
  return world;
}

describe("AWS", () => {
  it("takes what the program declares", () => {
    const world = withBucket();
    world.create(AWS.versioning, "it", { ...at, versioningConfiguration: { status: "Enabled" } });
    world.create(AWS.lifecycle, "it", { ...at, rules: [rule()] });
    world.create(AWS.policy, "it", { ...at, policy: policies.bucket });
    world.create(AWS.userPolicy, "it", { user: USER, name: "backup", policy: policies.user });
    expect(world.create(AWS.key, "it", { user: USER }).props["secret"]).toHaveLength(40);
  });

  it.each<[string, keyof typeof AWS, Props]>([
    [
      "another bucket's companion",
      "versioning",
      { ...at, bucket: "none", versioningConfiguration: { status: "Enabled" } },
    ],
    ["another region", "versioning", { ...at, region: "eu-west-1", versioningConfiguration: { status: "Enabled" } }],
    ["versioning that is off", "versioning", { ...at, versioningConfiguration: { status: "Off" } }],
    ["a rule for versions without versions", "lifecycle", { ...at, rules: [rule()] }],
    ["a rule without an action", "lifecycle", { ...at, rules: [rule({ noncurrentVersionExpiration: undefined })] }],
    ["a rule without a filter", "lifecycle", { ...at, rules: [rule({ filter: undefined })] }],
    ["two rules of one id", "lifecycle", { ...at, rules: [rule(), rule()] }],
    ["a public policy", "policy", { ...at, policy: policies.open }],
    ["a policy that is no JSON", "policy", { ...at, policy: "{" }],
    ["a bucket's policy without a principal", "policy", { ...at, policy: policies.user }],
    ["a user's policy with one", "userPolicy", { user: USER, name: "x", policy: policies.bucket }],
    ["a key of nobody's", "key", { user: "nobody" }],
    ["an algorithm of its own", "encryption", { ...at, rules: [{ applyServerSideEncryptionByDefault: {} }] }],
  ])("refuses %s", (_, type, inputs) => {
    expect(refusalOf(() => withBucket().create(AWS[type], "it", inputs))).toBeDefined();
  });

  it("gives a user two keys, and lets nobody go who has one", () => {
    const world = withBucket();
    for (const name of ["a", "b"]) world.create(AWS.key, name, { user: USER });
    expect(refusalOf(() => world.create(AWS.key, "c", { user: USER }))).toBeDefined();
    expect(refusalOf(() => world.delete(AWS.user, "user", USER, {}))).toBeDefined();
  });
});
