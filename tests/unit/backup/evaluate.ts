import type { PolicyDocument, Statement } from "../../../infra/backup/policies";

/** A call of S3 as IAM sees it. */
export interface Request {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  /** Condition keys, as `s3:prefix`. */
  readonly context: Readonly<Record<string, string>>;
}

export type Decision = "allowed" | "denied" | "implicitly denied";

/**
 * Decides one request of a user within one account (IAM User Guide, "Policy evaluation logic"): an explicit deny of either
 * policy wins, an allow of either is needed. Knows exactly what {@link PolicyDocument} can say; an unknown operator throws.
 */
export function evaluate(
  request: Request,
  identity: readonly PolicyDocument[],
  resource: readonly PolicyDocument[],
): Decision {
  const matching = [...identity, ...resource]
    .flatMap(({ Statement }) => Statement)
    .filter((statement) => applies(statement, request));
  if (matching.some(({ Effect }) => Effect === "Deny")) return "denied";
  return matching.some(({ Effect }) => Effect === "Allow") ? "allowed" : "implicitly denied";
}

function applies({ Action, Resource, Condition = {} }: Statement, request: Request): boolean {
  const { action, resource, context, principal } = request;
  return (
    listOf(Action).some((pattern) => like(pattern.toLowerCase(), action.toLowerCase())) &&
    listOf(Resource).some((pattern) => like(pattern, resource)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wanted]) => {
        const seen = key === "aws:PrincipalArn" ? principal : context[key];
        // A key that the request does not have matches nothing (no operator here is one of ...IfExists).
        return seen !== undefined && listOf(wanted).some((value) => compare(operator, value, seen));
      }),
    )
  );
}

function compare(operator: string, value: string, seen: string): boolean {
  switch (operator) {
    case "StringLike":
    case "ArnEquals":
    case "ArnLike":
      return like(value, seen);
    case "StringEquals":
    case "Bool":
      return value === seen;
    default:
      throw new Error(`This evaluator does not know the operator ${operator}.`);
  }
}

/** `*` any text, `?` one character. */
function like(pattern: string, text: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[^]*")
    .replaceAll("?", "[^]");
  return new RegExp(`^${escaped}$`).test(text);
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
