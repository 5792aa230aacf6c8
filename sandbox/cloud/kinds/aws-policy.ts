import { isProps } from "../props";
import { Refusal } from "../refusal";

/**
 * Refuses what IAM refuses of a policy document (IAM User Guide, "JSON policy element reference"); a resource policy has
 * principals, an identity policy has none. Returns the statements.
 */
export function checkedPolicy(text: string | undefined, of: "bucket" | "user"): readonly Record<string, unknown>[] {
  const malformed = (what: string) => new Refusal(400, undefined, `MalformedPolicy: ${what}`);
  let document: unknown;
  try {
    document = JSON.parse(text ?? "");
  } catch {
    throw malformed("This policy contains invalid Json");
  }
  if (!isProps(document) || document["Version"] !== "2012-10-17") throw malformed("unknown version");
  const statements: unknown = document["Statement"];
  if (!Array.isArray(statements) || statements.length === 0) throw malformed("Missing required field Statement");
  const seen = new Set<unknown>();
  return statements.map((statement: unknown) => {
    if (!isProps(statement)) throw malformed("Statement is no object");
    const { Sid, Effect, Action, Resource, Principal } = statement;
    if (typeof Sid !== "string" || !/^[A-Za-z0-9]+$/.test(Sid) || seen.has(Sid)) throw malformed("invalid Sid");
    seen.add(Sid);
    if (Effect !== "Allow" && Effect !== "Deny") throw malformed("invalid Effect");
    if (!listOf(Action).every((action) => /^[a-z0-9]+:[A-Za-z*]+$/.test(action))) throw malformed("invalid Action");
    const resources = listOf(Resource);
    if (resources.length === 0 || !resources.every((arn) => /^arn:aws:[a-z0-9]+:/.test(arn)))
      throw malformed("Policy has invalid resource");
    if ((Principal !== undefined) !== (of === "bucket")) throw malformed("Principal: required here, or not allowed");
    return statement;
  });
}

function listOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
