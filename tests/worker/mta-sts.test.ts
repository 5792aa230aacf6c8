import { bundleWorker } from "../../infra/edge/bundle";
import { runEmailWorker } from "../../sandbox/edge/worker-runtime";
import type { RunningWorker } from "../../sandbox/edge/worker-runtime";
import type { PublicEnv } from "../../worker/src/public-env";

const POLICY = "version: STSv1\nmode: enforce\nmx: *.mx.cloudflare.net\nmax_age: 86400\n";
const URL_OF_POLICY = "https://mta-sts.example.org/.well-known/mta-sts.txt";
const bindings: PublicEnv = {
  MAIL_DOMAIN: "example.org",
  SERVER_HOSTNAME: "mail.example.org",
  CLIENTS_HOSTNAME: "mail.example.org",
  SERVICES: "jmap",
  DISPLAY_NAME: "example.org",
};
const HANGING_MS = 12_000;

let worker: RunningWorker;
let upstream: () => Response | Promise<Response>;
let requested: string[];

beforeAll(() => {
  worker = runEmailWorker({
    script: bundleWorker("public"),
    bindings: Object.entries(bindings).map(([name, text]: [string, string]) => ({ type: "plain_text", name, text })),
    compatibilityDate: "2026-07-01",
    outbound: async (request) => {
      requested.push(`${request.method} ${request.url}`);
      return await upstream();
    },
  });
});

beforeEach(() => {
  requested = [];
  upstream = () => new Response(POLICY, { headers: { "content-type": "text/plain" } });
});

afterAll(() => worker.dispose());

test("the policy is Cloudflare's, as text/plain", async () => {
  const answer = await worker.fetch(URL_OF_POLICY);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain\b/);
  expect(answer.body.toString()).toBe(POLICY);
  expect(requested).toEqual(["GET https://mta-sts.mx.cloudflare.net/.well-known/mta-sts.txt"]);
});

test("nobody is redirected, as senders follow no redirect (RFC 8461 section 3.3)", async () => {
  expect((await worker.fetch(URL_OF_POLICY.replace("https:", "http:"))).status).toBe(200);
});

test("HEAD answers as GET, without body", async () => {
  const answer = await worker.fetch(URL_OF_POLICY, { method: "HEAD" });
  expect(answer.status).toBe(200);
  expect(answer.body.length).toBe(0);
});

test.each(["/", "/.well-known/mta-sts.txt/", "/.well-known/jmap", "/mta-sts.txt"])("%s is not there", async (path) => {
  expect((await worker.fetch(`https://mta-sts.example.org${path}`)).status).toBe(404);
  expect(requested).toEqual([]);
});

test("other methods are not allowed", async () => {
  const answer = await worker.fetch(URL_OF_POLICY, { method: "POST", body: "x" });
  expect(answer.status).toBe(405);
  expect(answer.headers.get("allow")).toBe("GET, HEAD");
  expect(requested).toEqual([]);
});

test.each<[what: string, answer: () => Response | Promise<Response>]>([
  ["an error", () => new Response(POLICY, { status: 500 })],
  ["a redirect", () => new Response(POLICY, { status: 302, headers: { location: URL_OF_POLICY } })],
  ["an HTML page", () => new Response("<html></html>")],
  ["an endless text", () => new Response(`${POLICY}${" ".repeat(70_000)}`)],
  ["a refused connection", () => Promise.reject(new Error("refused"))],
])("%s upstream is 502", async (_, answer) => {
  upstream = answer;
  expect((await worker.fetch(URL_OF_POLICY)).status).toBe(502);
  expect(requested.length).toBe(1);
});

test(
  "a hanging upstream is 502",
  async () => {
    upstream = () => new Promise<Response>(() => undefined);
    expect((await worker.fetch(URL_OF_POLICY)).status).toBe(502);
  },
  HANGING_MS,
);
