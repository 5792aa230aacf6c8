import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import * as pulumi from "@pulumi/pulumi";

import { RATE_LIMIT_REF } from "../../infra/edge/rate-limit";
import { preflight, PreflightError, type PreflightAnswer } from "../../infra/preflight";
import { program } from "../../infra/program";
import { Secret } from "../../infra/settings/secret";
import { rawWith } from "./settings/fixtures";

const TOKEN = "cf_token-that_must_never_show";
const accountId = "0123456789abcdef0123456789abcdef";
const question = {
  accountId,
  domain: "example.test",
  furtherZones: [] as string[],
  rateLimit: false,
  r2: false,
  access: false,
  acmeZone: undefined,
};
const BUDGET_MS = 300;

interface Reply {
  readonly status?: number;
  readonly result?: unknown;
  /** Of the error, when the status is one. */
  readonly code?: number;
}

/** What the API answers, by path; zones by name. Anything else is as Cloudflare refuses it. */
interface Api {
  readonly user?: Reply;
  readonly account?: Reply;
  readonly zones?: Readonly<Record<string, Reply>>;
  readonly r2?: Reply;
  readonly organisation?: Reply;
  readonly rules?: Reply;
}

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

async function serve(handle: (url: URL, response: ServerResponse, authorization: string) => void): Promise<string> {
  const server = createServer(({ url = "/", headers }, response) =>
    handle(new URL(url, "http://api"), response, headers.authorization ?? ""),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`;
}

const active: Reply = { result: { id: "t", status: "active" } };
const refused: Reply = { status: 401 };
const zone = (name: string, status = "active"): Reply => ({
  result: [{ id: `id of ${name}`, name, status, name_servers: ["ada.ns.example", "bob.ns.example"] }],
});
const none: Reply = { result: [] };

/** Cloudflare's API; `asked` notes the paths. */
function cloudflare(api: Api, asked: string[] = []): Promise<string> {
  return serve((url, response, authorization) => {
    asked.push(url.pathname);
    const { status = 200, result = null, code = 1000 } = replyTo(api, url, authorization);
    const errors = status === 200 ? [] : [{ code, message: `Invalid API Token ${authorization}` }];
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ success: status === 200, errors, messages: [], result }));
  });
}

function replyTo(api: Api, { pathname, searchParams }: URL, authorization: string): Reply {
  if (authorization !== `Bearer ${TOKEN}`) return refused;
  switch (pathname) {
    case "/client/v4/user/tokens/verify":
      return api.user ?? refused;
    case `/client/v4/accounts/${accountId}/tokens/verify`:
      return api.account ?? refused;
    case "/client/v4/zones":
      return searchParams.get("account.id") === accountId
        ? (api.zones?.[searchParams.get("name") ?? ""] ?? none)
        : none;
    case `/client/v4/accounts/${accountId}/r2/buckets`:
      return api.r2 ?? refused;
    case `/client/v4/accounts/${accountId}/access/organizations`:
      return api.organisation ?? { status: 404 };
    case "/client/v4/zones/id%20of%20example.test/rulesets/phases/http_ratelimit/entrypoint":
      return api.rules ?? refused;
    default:
      return { status: 404 };
  }
}

function ask(baseUrl: string, furtherZones: readonly string[] = [], token = TOKEN): Promise<PreflightAnswer> {
  return preflight({ baseUrl, token: new Secret(token) }, { ...question, furtherZones }, BUDGET_MS);
}

/** The text of the error that stops the program; it never tells the token. */
async function errorOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PreflightError);
  const text = error instanceof Error ? `${error.message} ${String(error.cause)}` : "";
  expect(text).not.toContain(TOKEN);
  expect(text).toContain("Nothing was changed.");
  return text;
}

describe("the look at the account before anything is declared", () => {
  it("finds the zone with a token that belongs to a user", async () => {
    const url = await cloudflare({ user: active, zones: { "example.test": zone("example.test") } });
    expect(await ask(url)).toEqual({
      zoneIds: { "example.test": "id of example.test" },
      teamName: "",
      warnings: [],
    });
  });

  it("verifies a token that belongs to the account at the account", async () => {
    const asked: string[] = [];
    const url = await cloudflare({ account: active, zones: { "example.test": zone("example.test") } }, asked);
    expect((await ask(url)).zoneIds).toEqual({ "example.test": "id of example.test" });
    expect(asked).toContain(`/client/v4/accounts/${accountId}/tokens/verify`);
  });

  it("says how to set a token when there is none, and asks nothing", async () => {
    const asked: string[] = [];
    const baseUrl = await cloudflare({}, asked);
    const text = await errorOf(preflight({ baseUrl, token: undefined }, question, BUDGET_MS));
    expect(text).toContain("pulumi config set --secret cloudflare:apiToken");
    expect(asked).toEqual([]);
  });

  it.each([400, 401, 403])("stops at a token that Cloudflare answers with %i", async (status) => {
    const url = await cloudflare({ user: { status }, account: { status } });
    expect(await errorOf(ask(url))).toContain("does not accept the API token");
  });

  it.each(["expired", "disabled"])("stops at a token that is %s, and calls it that", async (status) => {
    const url = await cloudflare({ user: { result: { status } }, zones: { "example.test": zone("example.test") } });
    expect(await errorOf(ask(url))).toContain(`The Cloudflare API token is ${status}.`);
    const theAccounts = await cloudflare({ account: { result: { status } } });
    expect(await errorOf(ask(theAccounts))).toContain(`The Cloudflare API token is ${status}.`);
  });

  it("stops at a token with characters that no token has, before it is sent anywhere", async () => {
    const asked: string[] = [];
    const url = await cloudflare({ user: active }, asked);
    expect(await errorOf(ask(url, [], `“${TOKEN}”`))).toContain("characters that no token has");
    expect(asked).toEqual([]);
  });

  it("stops when the account has no such zone, and names both", async () => {
    const url = await cloudflare({ user: active, zones: { "example.com": zone("example.com") } });
    const text = await errorOf(ask(url));
    expect(text).toContain(`The Cloudflare account ${accountId} has no zone example.test`);
    expect(text).toContain("mail:domain");
  });

  it("names the permission when the zone may not be looked up", async () => {
    const url = await cloudflare({ user: active, zones: { "example.test": { status: 403 } } });
    expect(await errorOf(ask(url))).toMatch(/refused the look-up of the zone example\.test \(HTTP 403\).*Zone Read/);
  });

  it("warns of a zone that the registrar does not delegate yet", async () => {
    const url = await cloudflare({ user: active, zones: { "example.test": zone("example.test", "pending") } });
    const { zoneIds, warnings } = await ask(url);
    expect(zoneIds).toEqual({ "example.test": "id of example.test" });
    expect(warnings).toEqual([
      expect.stringMatching(/example\.test is pending.*ada\.ns\.example and bob\.ns\.example/),
    ]);
  });

  const odd = (changes: object, name = "example.test"): Reply => ({
    result: [{ ...(zone(name).result as object[])[0], ...changes }],
  });

  it.each<[object, RegExp]>([
    [{ type: "partial" }, /is of type partial: its name servers are not Cloudflare's.*Convert it to a full setup/],
    [{ type: "partial", status: "pending" }, /is of type partial/],
    [{ type: "secondary" }, /is of type secondary: its records come from another provider/],
    [{ type: "internal" }, /is of type internal/],
    [{ type: "something-new" }, /is of type something-new/],
    [{ paused: true }, /is paused: .*Resume it/],
    [{ status: "moved" }, /has the status moved: .*Enter ada\.ns\.example and bob\.ns\.example at the registrar/],
    [{ status: "initializing" }, /has the status initializing: .*Finish its setup/],
    [{ status: "deleted" }, /has the status deleted: .*Add the domain again/],
    [{ status: "deactivated" }, /has the status deactivated/],
    [{ status: "new-state" }, /has the status new-state/],
  ])("stops at a zone that cannot carry mail: %j", async (changes, words) => {
    const url = await cloudflare({ user: active, zones: { "example.test": odd(changes) } });
    expect(await errorOf(ask(url))).toMatch(words);
  });

  it("stops at a zone of another account that the token sees, and names it", async () => {
    const other = "f".repeat(32);
    const url = await serve(({ pathname, searchParams }, response) => {
      const isOurs = searchParams.get("account.id") === accountId;
      const listed = isOurs ? none : odd({ account: { id: other } });
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ success: true, ...(pathname.endsWith("/verify") ? active : listed) }));
    });
    const text = await errorOf(ask(url));
    expect(text).toContain("has no zone example.test");
    expect(text).toContain(`pulumi config set mail:accountId ${other}`);
  });

  it("does not take a zone of another account or name, should the API list one", async () => {
    const listed = {
      result: [...(odd({ account: { id: "f".repeat(32) } }).result as object[]), { id: "x", name: "test" }],
    };
    const url = await cloudflare({ user: active, zones: { "example.test": listed } });
    expect(await errorOf(ask(url))).toContain("has no zone example.test");
  });

  it("takes the zone that is active of several, and none when two are", async () => {
    const both = (status: string): Reply => ({
      result: [
        ...(odd({ id: "old", status, account: { id: accountId } }).result as object[]),
        ...(odd({ id: "new", name: "Example.Test." }).result as object[]),
      ],
    });
    const one = await cloudflare({ user: active, zones: { "example.test": both("moved") } });
    expect((await ask(one)).zoneIds).toEqual({ "example.test": "new" });
    const two = await cloudflare({ user: active, zones: { "example.test": both("active") } });
    expect(await errorOf(ask(two))).toMatch(/several zones example\.test: old .*, new .*Remove all but one/);
  });

  it("leaves out a further zone whose records nobody would see, and says so", async () => {
    const zones = {
      "example.test": zone("example.test"),
      "example.net": odd({ type: "partial" }, "example.net"),
      "example.com": odd({ paused: true }, "example.com"),
    };
    const { zoneIds, warnings } = await ask(await cloudflare({ user: active, zones }), ["example.net", "example.com"]);
    expect(zoneIds).toEqual({ "example.test": "id of example.test", "example.com": "id of example.com" });
    expect(warnings).toEqual([expect.stringMatching(/example\.net is of type partial.*left out/)]);
  });

  it("takes a further zone that the account has and does without one that it lacks", async () => {
    const zones = { "example.test": zone("example.test"), "example.net": zone("example.net", "pending") };
    const url = await cloudflare({ user: active, zones });
    expect(await ask(url, ["example.net", "example.com"])).toEqual({
      zoneIds: { "example.test": "id of example.test", "example.net": "id of example.net" },
      teamName: "",
      warnings: [],
    });
  });
});

describe("the zone's rate limiting rules", () => {
  const zones = { "example.test": zone("example.test") };
  const withRules = async (rules: Reply) => {
    const baseUrl = await cloudflare({ user: active, zones, rules });
    return preflight({ baseUrl, token: new Secret(TOKEN) }, { ...question, rateLimit: true }, BUDGET_MS);
  };
  const ours = { ref: RATE_LIMIT_REF, action: "block" };

  it.each<[what: string, rules: Reply]>([
    ["none", { status: 404 }],
    ["the stack's own", { result: { rules: [ours] } }],
  ])("may be %s", async (_, rules) => {
    expect((await withRules(rules)).warnings).toEqual([]);
  });

  it.each<[what: string, rules: Reply, says: string]>([
    ["somebody else's", { result: { rules: [{ ref: "login" }] } }, "rules of its own (1)"],
    ["somebody else's beside the stack's", { result: { rules: [ours, { ref: "login" }] } }, "rules of its own (2)"],
    ["an empty set, which refuses a second one", { result: { id: "set", rules: [] } }, "/rulesets/set)"],
    ["hidden from the token", { status: 403 }, "Zone WAF Write"],
    ["refused", { status: 400 }, "HTTP 400"],
  ])("stop the program when they are %s", async (_, rules, says) => {
    const text = await errorOf(withRules(rules));
    expect(text).toContain(says);
    expect(text).toContain("pulumi config set mail:publicRateLimit false");
  });
});

describe("the look at R2", () => {
  const zones = { "example.test": zone("example.test") };
  const withR2 = async (r2: Reply) => {
    const baseUrl = await cloudflare({ user: active, zones, r2 });
    return preflight({ baseUrl, token: new Secret(TOKEN) }, { ...question, r2: true }, BUDGET_MS);
  };

  it("is content with an account that can list its buckets", async () => {
    expect(await withR2({ result: { buckets: [] } })).toMatchObject({ warnings: [] });
  });

  it.each([400, 403])("names both ways out when R2 is off (HTTP %i)", async (status) => {
    const text = await errorOf(withR2({ status, code: 10_042 }));
    expect(text).toContain(`R2 is not switched on for the Cloudflare account ${accountId}`);
    expect(text).toContain("Switch R2 on in Cloudflare's dashboard");
    expect(text).toContain("pulumi config set mail:spool none");
  });

  it("names the permission when the token may not see buckets", async () => {
    expect(await errorOf(withR2({ status: 403, code: 10_000 }))).toContain("permission Workers R2 Storage Write");
  });

  it("stops at any other answer", async () => {
    expect(await errorOf(withR2({ status: 404 }))).toContain("refused to list the R2 buckets");
  });

  it("is left out when there is no spool", async () => {
    const asked: string[] = [];
    await ask(await cloudflare({ user: active, zones }, asked));
    expect(asked.join()).not.toContain("r2");
  });
});

describe("an API that gives no proper answer", () => {
  const answers: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ["HTML in place of JSON", (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>")],
    ["nothing at all", () => undefined],
    ["half an answer", (response) => response.writeHead(200, { "content-length": "100" }).write('{"result":')],
    ["an internal error", (response) => response.writeHead(500).end(JSON.stringify({ success: false, result: null }))],
    ["a limit of calls", (response) => response.writeHead(429).end(JSON.stringify({ success: false, result: null }))],
    ["a broken connection", (response) => response.destroy()],
  ];

  it.each(answers)("is not taken for a bad token: %s", async (_what, answer) => {
    const url = await serve((_url, response) => answer(response));
    const started = performance.now();
    const text = await errorOf(ask(url));
    expect(text).toContain(`Cloudflare's API at ${url} gave no proper answer within 0.3 s.`);
    expect(performance.now() - started).toBeLessThan(10 * BUDGET_MS);
  });

  it("does not send anybody on: a redirect is not followed", async () => {
    const asked: string[] = [];
    const elsewhere = await cloudflare({ user: active, zones: { "example.test": zone("example.test") } }, asked);
    const url = await serve(({ pathname, search }, response) => {
      const location = `${new URL(elsewhere).origin}${pathname}${search}`;
      response.writeHead(302, { location }).end();
    });
    expect(await errorOf(ask(url))).toContain("gave no proper answer");
    expect(asked).toEqual([]);
  });

  it("is told apart when nobody listens", async () => {
    const url = await serve(() => undefined);
    const [server] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    expect(await errorOf(ask(url))).toContain("Check the network");
  });
});

describe("the program", () => {
  const saved = { ...process.env };
  beforeEach(() => {
    delete process.env["CLOUDFLARE_API_TOKEN"];
  });
  afterEach(() => {
    process.env = { ...saved };
  });

  async function run(cloudflareConfig: Readonly<Record<string, string>>): Promise<unknown> {
    const raw = [...rawWith()];
    const config = Object.fromEntries(raw.map(([key, { text = "" }]) => [`mail:${key}`, text]));
    const secrets = raw.filter(([, { secret }]) => secret).map(([key]) => `mail:${key}`);
    pulumi.runtime.setAllConfig({ ...config, ...cloudflareConfig }, [...secrets, "cloudflare:apiToken"]);
    return await program().then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  it("ends with the bare text and no stack trace when there is no token", async () => {
    const error = await run({ "cloudflare:baseUrl": "http://127.0.0.1:9" });
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect(String(error)).toContain("There is no Cloudflare API token.");
  });

  it("ends with the bare text and no stack trace when the zone is missing", async () => {
    const url = await cloudflare({ user: active });
    const error = await run({ "cloudflare:baseUrl": `${url}/`, "cloudflare:apiToken": TOKEN });
    expect(pulumi.RunError.isInstance(error)).toBe(true);
    expect(String(error)).toContain("has no zone example.test");
    expect(String(error)).not.toContain(TOKEN);
  });
});

describe("the Zero Trust organisation", () => {
  const zones = { "example.test": zone("example.test") };
  async function team(organisation: Reply): Promise<PreflightAnswer> {
    const baseUrl = await cloudflare({ user: active, zones, organisation });
    return preflight({ baseUrl, token: new Secret(TOKEN) }, { ...question, access: true }, BUDGET_MS);
  }

  it("is known by the name of its login domain", async () => {
    expect(await team({ result: { auth_domain: "my-team.cloudflareaccess.com" } })).toMatchObject({
      teamName: "my-team",
    });
  });

  it("is not asked for where nothing is guarded", async () => {
    const asked: string[] = [];
    await ask(await cloudflare({ user: active, zones }, asked));
    expect(asked.filter((path) => path.includes("organizations"))).toEqual([]);
  });

  it.each([
    ["there is none", { status: 404 }, "has no Zero Trust organisation"],
    ["the answer names none", { result: {} }, "has no Zero Trust organisation"],
    ["the token may not see it", { status: 403 }, "Groups Read"],
    ["it logs in elsewhere", { result: { auth_domain: "login.example.org" } }, "is not TEAM.cloudflareaccess.com"],
    [
      "its name is no label",
      { result: { auth_domain: "a/b.cloudflareaccess.com" } },
      "is not TEAM.cloudflareaccess.com",
    ],
  ])("stops the program when %s", async (_, organisation, said) => {
    const text = await errorOf(team(organisation));
    expect(text).toContain(said);
    expect(text).toContain("Nothing was changed.");
  });
});

describe("the zone for the certificate's challenges", () => {
  const mine = { "example.test": zone("example.test") };
  const withAcme = async (zones: Readonly<Record<string, Reply>>) =>
    preflight(
      { baseUrl: await cloudflare({ user: active, zones }), token: new Secret(TOKEN) },
      { ...question, acmeZone: "acme.test" },
      BUDGET_MS,
    );

  it("is found beside the mail domain's", async () => {
    const { zoneIds } = await withAcme({ ...mine, "acme.test": zone("acme.test") });
    expect(zoneIds).toEqual({ "example.test": "id of example.test", "acme.test": "id of acme.test" });
  });

  it("stops the program when the account lacks it", async () => {
    const text = await errorOf(withAcme(mine));
    expect(text).toContain("no zone acme.test that this token can see. It is the zone of mail:acmeZone.");
    expect(text).toContain("pulumi config rm mail:acmeZone");
  });

  const odd = (changes: object): Reply => ({ result: [{ ...(zone("acme.test").result as object[])[0], ...changes }] });

  it.each<[object, RegExp]>([
    [{ type: "partial" }, /acme\.test is of type partial.*mail:acmeZone.*Convert it to a full setup/],
    [{ status: "moved" }, /acme\.test has the status moved.*mail:acmeZone.*Enter ada\.ns\.example/],
  ])("stops the program when the world does not see it, and tells the way out: %j", async (changes, words) => {
    const text = await errorOf(withAcme({ ...mine, "acme.test": odd(changes) }));
    expect(text).toMatch(words);
    expect(text).not.toContain("Add it in Cloudflare's dashboard");
  });

  it("may be paused, which stops no answer of its name servers", async () => {
    const { zoneIds, warnings } = await withAcme({ ...mine, "acme.test": odd({ paused: true }) });
    expect(zoneIds).toMatchObject({ "acme.test": "id of acme.test" });
    expect(warnings).toEqual([]);
  });

  it("is told when the registrar does not name its servers yet", async () => {
    const { warnings } = await withAcme({ ...mine, "acme.test": zone("acme.test", "pending") });
    expect(warnings).toEqual([expect.stringMatching(/acme\.test \(mail:acmeZone\) is pending: no certificate.*ada/)]);
  });
});
