import type { InTheWay } from "./findings";
import { textOf } from "./props";
import type { Wanted } from "./wanted";

export const S3_BUCKET = "aws:s3/bucket:Bucket";
const TIME_BUDGET_MS = 10_000;

/**
 * The buckets of AWS that the program would make although somebody has one of that name. S3 tells it to anybody: HEAD
 * answers 404 for a name that nobody has, and 200, 301, 307 or 403 for one that somebody has (API reference, HeadBucket).
 * What cannot be asked is not told: the program's own `up` says it.
 *
 * @param environment may have AWS_ENDPOINT_URL_S3, as AWS's own programs read it
 */
export async function takenBuckets(wanted: readonly Wanted[], environment: NodeJS.ProcessEnv): Promise<InTheWay[]> {
  const buckets = wanted.filter(({ type }) => type === S3_BUCKET);
  const found = await Promise.all(
    buckets.map(async ({ inputs }): Promise<InTheWay[]> => {
      const name = textOf(inputs["bucket"]);
      if (name === "" || !(await isTaken(name, textOf(inputs["region"]) || "us-east-1", environment))) return [];
      const mend = "Run pulumi config set mail:backupBucketImport true if it is yours; else choose another name";
      return [{ label: `S3 bucket ${name}`, why: "a bucket of this name exists at AWS", mend }];
    }),
  );
  return found.flat();
}

async function isTaken(name: string, region: string, environment: NodeJS.ProcessEnv): Promise<boolean> {
  const base = environment["AWS_ENDPOINT_URL_S3"]?.trim() || `https://s3.${region}.amazonaws.com`;
  try {
    const { status } = await fetch(`${base.replace(/\/+$/, "")}/${encodeURIComponent(name)}`, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.timeout(TIME_BUDGET_MS),
    });
    return [200, 301, 307, 403].includes(status);
  } catch {
    return false;
  }
}
