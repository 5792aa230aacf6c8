import { call, platformFetch } from "./http";

const POLICY_PATH = "/.well-known/mta-sts.txt";
const UPSTREAM = new URL(POLICY_PATH, "https://mta-sts.mx.cloudflare.net");
const UPSTREAM_BUDGET_MS = 5_000;
/** RFC 8461 §3.3 suggests that senders read no more than that. */
const MAX_POLICY_BYTES = 64 * 1024;

/** The MTA-STS policy of Cloudflare's mail servers under the operator's own `mta-sts` name (RFC 8461 §3.3). */
export async function mtaStsPolicy(request: Request): Promise<Response> {
  if (new URL(request.url).pathname !== POLICY_PATH) return text(404, "not found\n");
  if (request.method !== "GET" && request.method !== "HEAD")
    return text(405, "method not allowed\n", { allow: "GET, HEAD" });
  const policy = await fetchPolicy().catch(() => undefined);
  if (policy === undefined) {
    console.log(JSON.stringify({ event: "policy-unavailable" }));
    // Senders keep the policy they know (RFC 8461 §3.3), which a made-up one would replace.
    return text(502, "the policy is not available\n");
  }
  return text(200, request.method === "HEAD" ? null : policy);
}

/** Undefined when the upstream's answer is not a policy. `call` follows no redirect, as RFC 8461 §3.3 asks. */
async function fetchPolicy(): Promise<string | undefined> {
  const limits = {
    signal: AbortSignal.timeout(UPSTREAM_BUDGET_MS),
    callMs: UPSTREAM_BUDGET_MS,
    answerBytes: MAX_POLICY_BYTES,
  };
  const { status, body } = await call("policy", platformFetch, UPSTREAM, { method: "GET" }, limits);
  const policy = new TextDecoder().decode(body);
  return status === 200 && /^version:\s*STSv1\s*$/m.test(policy) ? policy : undefined;
}

function text(status: number, body: string | null, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}
