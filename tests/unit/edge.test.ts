import type { Props } from "../../sandbox/cloud/props";
import type { World } from "../../sandbox/cloud/world";
import { checkAccess } from "../../sandbox/edge/access";
import { Connectors } from "../../sandbox/edge/connector";
import { frontDoor } from "../../sandbox/edge/front-door";
import { tunnelToken } from "../../sandbox/cloud/kinds/tunnel";
import { type Host, OriginError, type OriginRequest } from "../../sandbox/host/origin";
import { newTrace } from "../../sandbox/trace";
import {
  accountId,
  application,
  cname,
  DOMAIN,
  emptyWorld,
  furnished,
  ingress,
  policy,
  tunnel,
  TYPE,
} from "./cloud/cloud";

const GUARDED = `inbound.${DOMAIN}`;
const OPEN = `mail.${DOMAIN}`;
const SERVICE = "https://traefik:443";
const CLIENT = "203.0.113.9";
const RULES: readonly Props[] = [
  { hostname: GUARDED, service: SERVICE, originRequest: { originServerName: OPEN, httpHostHeader: OPEN } },
  { hostname: OPEN, service: SERVICE, originRequest: { originServerName: OPEN } },
  { hostname: `path.${DOMAIN}`, path: "^/jmap", service: SERVICE },
  { hostname: `*.wild.${DOMAIN}`, service: SERVICE },
  { service: "http_status:404" },
];

interface Edge {
  readonly world: World;
  readonly connectors: Connectors;
  readonly tunnelId: string;
  readonly policyId: string;
  /** Headers of the token that the guarded name's application admits. */
  readonly token: Record<string, string>;
  /** Headers of another application's token. */
  readonly stranger: Record<string, string>;
  /** What arrived at the host. */
  readonly arrived: { service: string; request: OriginRequest }[];
}

/** A guarded and an open name that lead through a connected tunnel to a host. */
function edge(rules = RULES, answer?: Host["request"]): Edge {
  const { world, tunnelId, tokenId, policyId } = furnished(emptyWorld());
  world.create(TYPE.ingress, "ingress", ingress(tunnelId, rules));
  world.create(TYPE.application, "guarded", application(policyId, { domain: GUARDED }));
  const other = world.create(TYPE.token, "other", { accountId, name: "other" });
  const otherPolicy = world.create(TYPE.policy, "other", policy(other.id, { name: "other" }));
  world.create(TYPE.application, "other", application(otherPolicy.id, { name: "other", domain: `other.${DOMAIN}` }));
  for (const name of [GUARDED, OPEN, `path.${DOMAIN}`, `a.wild.${DOMAIN}`, `stray.${DOMAIN}`])
    world.create(TYPE.record, name, cname({ name, content: `${tunnelId}.cfargotunnel.com` }));
  const connectors = new Connectors();
  const arrived: Edge["arrived"] = [];
  const host: Host = {
    request: (service, request) => {
      arrived.push({ service: service.href, request });
      return answer
        ? answer(service, request)
        : Promise.resolve({ status: 201, headers: { "x-host": "home" }, body: Buffer.from("hello") });
    },
  };
  connectors.connect(world, tunnelToken(world, tunnelId), host);
  const mine = world.all(TYPE.token).find(({ id }) => id === tokenId);
  return {
    world,
    connectors,
    tunnelId,
    policyId,
    arrived,
    token: credentials(mine?.props ?? {}),
    stranger: credentials(other.props),
  };
}

function credentials(token: Props): Record<string, string> {
  return {
    "CF-Access-Client-Id": String(token["clientId"]),
    "CF-Access-Client-Secret": String(token["clientSecret"]),
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly hops: string;
  readonly response: Response;
}

async function fetchAt({ world, connectors }: Edge, url: string, init: RequestInit = {}): Promise<Answer> {
  const trace = newTrace();
  const response = await frontDoor(world, connectors, new Request(url, init), CLIENT, trace);
  return { status: response.status, body: await response.text(), hops: trace.hops.join("\n"), response };
}

describe("Access", () => {
  const verdict = ({ world }: Edge, hostname: string, headers: Record<string, string> = {}) =>
    checkAccess(world, new URL(`https://${hostname}`), new Headers(headers));

  it("leaves a name without an application open", () => {
    expect(verdict(edge(), OPEN)).toEqual({ kind: "open" });
  });

  it("admits the token that the application's policy includes", () => {
    const made = edge();
    expect(verdict(made, GUARDED, made.token)).toMatchObject({ kind: "admitted", token: "worker" });
  });

  it("sends a request without a token to the login page", () => {
    expect(verdict(edge(), GUARDED)).toMatchObject({ kind: "refused", status: 302 });
  });

  it("refuses a wrong secret, a missing one and an unknown token", () => {
    const made = edge();
    const { "CF-Access-Client-Id": id = "", "CF-Access-Client-Secret": secret = "" } = made.token;
    for (const headers of [
      { "CF-Access-Client-Id": id, "CF-Access-Client-Secret": `${secret}x` },
      { "CF-Access-Client-Id": id, "CF-Access-Client-Secret": "" },
      { "CF-Access-Client-Id": id },
      { "CF-Access-Client-Id": "nobody.access", "CF-Access-Client-Secret": secret },
      { ...made.token, "CF-Access-Client-Secret": made.stranger["CF-Access-Client-Secret"] ?? "" },
    ])
      expect(verdict(made, GUARDED, headers)).toMatchObject({ kind: "refused", status: 403 });
  });

  it("refuses a token that only another application admits", () => {
    const made = edge();
    expect(verdict(made, `other.${DOMAIN}`, made.stranger)).toMatchObject({ kind: "admitted" });
    expect(verdict(made, GUARDED, made.stranger)).toMatchObject({
      kind: "refused",
      status: 403,
      why: expect.stringContaining('admits the token "other"') as string,
    });
  });

  it("refuses everybody once the application has no policy", () => {
    const made = edge();
    const guarded = made.world.find(TYPE.application, (props) => props["domain"] === GUARDED);
    made.world.update(
      TYPE.application,
      "guarded",
      guarded?.id ?? "",
      application("", { domain: GUARDED, policies: [] }),
    );
    expect(verdict(made, GUARDED, made.token)).toMatchObject({ kind: "refused", status: 403 });
  });

  it.each(["allow", "deny"])("does not admit a service token by a policy that decides %s", (decision) => {
    const made = edge();
    const tokenId = made.world.find(TYPE.token, (props) => props["name"] === "worker")?.id ?? "";
    made.world.update(TYPE.policy, "policy", made.policyId, policy(tokenId, { decision }));
    expect(verdict(made, GUARDED, made.token)).toMatchObject({ kind: "refused", status: 403 });
  });
});

describe("the front door", () => {
  it("hands a request to the host under the name and server name that the rule says, and its answer back", async () => {
    const made = edge();
    const init = { method: "POST", body: "hi", headers: made.token };
    const { status, body, response, hops } = await fetchAt(made, `https://${GUARDED}/jmap/?a=b`, init);
    expect({ status, body, home: response.headers.get("x-host") }).toEqual({
      status: 201,
      body: "hello",
      home: "home",
    });
    expect(made.arrived).toMatchObject([
      {
        service: `${SERVICE.replace(":443", "")}/`,
        request: { method: "POST", path: "/jmap/?a=b", sni: OPEN, noTlsVerify: false, headers: { host: OPEN } },
      },
    ]);
    expect(made.arrived[0]?.request.body?.toString()).toBe("hi");
    expect(hops).toMatch(/Access admitted the service token "worker"\ntunnel: POST inbound\.example\.org -> https:/);
  });

  it("keeps the Access credentials from the host", async () => {
    const made = edge();
    await fetchAt(made, `https://${GUARDED}/`, { headers: { ...made.token, Authorization: "Bearer key" } });
    const headers = made.arrived[0]?.request.headers ?? {};
    expect(headers).toMatchObject({ authorization: "Bearer key" });
    // What Access tells the origin is for one application and signed: no login anywhere else.
    expect(Object.keys(headers).filter((name) => name.startsWith("cf-access"))).toEqual(["cf-access-jwt-assertion"]);
    expect(JSON.stringify(headers)).not.toContain("cfast_");
  });

  it("keeps the name that was asked for when the rule says nothing of it", async () => {
    const made = edge();
    await fetchAt(made, `https://${OPEN}/`);
    expect(made.arrived[0]?.request.headers["host"]).toBe(OPEN);
    await fetchAt(made, `https://a.wild.${DOMAIN}/`);
    expect(made.arrived[1]?.request).toMatchObject({ headers: { host: `a.wild.${DOMAIN}` } });
    expect(made.arrived[1]?.request.sni).toBeUndefined();
  });

  it("does not know a name without a record", async () => {
    const made = edge();
    expect(await fetchAt(made, `https://nobody.${DOMAIN}/`)).toMatchObject({ status: 530 });
    expect(await fetchAt(made, "https://mail.example.net/")).toMatchObject({ status: 530 });
    expect(made.arrived).toEqual([]);
  });

  it("does not answer for a record that is not proxied", async () => {
    const made = edge();
    const content = `${made.tunnelId}.cfargotunnel.com`;
    made.world.create(TYPE.record, "bare", cname({ name: `bare.${DOMAIN}`, content, proxied: false, ttl: 300 }));
    expect(await fetchAt(made, `https://bare.${DOMAIN}/`)).toMatchObject({
      status: 530,
      body: expect.stringContaining("no proxied record") as string,
    });
  });

  it("follows a name that leads to another, and knows no server elsewhere", async () => {
    const made = edge([{ hostname: `alias.${DOMAIN}`, service: SERVICE }, { service: "http_status:404" }]);
    made.world.create(TYPE.record, "alias", cname({ name: `alias.${DOMAIN}`, content: OPEN }));
    expect(await fetchAt(made, `https://alias.${DOMAIN}/`)).toMatchObject({ status: 201 });
    made.world.create(TYPE.record, "away", cname({ name: `away.${DOMAIN}`, content: "web.example.net" }));
    const { status, body } = await fetchAt(made, `https://away.${DOMAIN}/`);
    expect(status).toBe(530);
    expect(body).toContain("leads to web.example.net");
  });

  it("ends where names lead in a circle", async () => {
    const made = edge();
    made.world.create(TYPE.record, "a", cname({ name: `a.${DOMAIN}`, content: `b.${DOMAIN}` }));
    made.world.create(TYPE.record, "b", cname({ name: `b.${DOMAIN}`, content: `a.${DOMAIN}` }));
    expect(await fetchAt(made, `https://a.${DOMAIN}/`)).toMatchObject({ status: 530 });
  });

  it("stops a request that Access refuses before the tunnel", async () => {
    const made = edge();
    const login = await fetchAt(made, `https://${GUARDED}/`, { redirect: "manual" });
    expect(login.status).toBe(302);
    expect(login.response.headers.get("location")).toMatch(/^https:/);
    expect(await fetchAt(made, `https://${GUARDED}/`, { headers: made.stranger })).toMatchObject({ status: 403 });
    expect(made.arrived).toEqual([]);
  });

  it("has no way through a tunnel to which nothing is connected", async () => {
    const made = edge();
    const unconnected = { ...made, connectors: new Connectors() };
    expect(await fetchAt(unconnected, `https://${OPEN}/`)).toMatchObject({
      status: 530,
      hops: expect.stringContaining("error 1033") as string,
    });
  });

  it("knows no rule of a tunnel that is configured on the host", async () => {
    const made = edge();
    made.world.update(TYPE.tunnel, "tunnel", made.tunnelId, tunnel({ configSrc: "local" }));
    expect(await fetchAt(made, `https://${OPEN}/`)).toMatchObject({ status: 503 });
    expect(made.arrived).toEqual([]);
  });

  it("knows no rule of a tunnel without configuration", async () => {
    const made = edge();
    const { id } = made.world.create(TYPE.tunnel, "second", tunnel({ name: "second" }));
    made.world.create(TYPE.record, "s", cname({ name: `second.${DOMAIN}`, content: `${id}.cfargotunnel.com` }));
    made.connectors.connect(made.world, tunnelToken(made.world, id), { request: () => Promise.reject(new Error()) });
    expect(await fetchAt(made, `https://second.${DOMAIN}/`)).toMatchObject({ status: 503 });
  });

  it("answers 404 where only the last rule matches, and names the rule that is missing", async () => {
    const made = edge();
    const { status, hops } = await fetchAt(made, `https://stray.${DOMAIN}/`);
    expect(status).toBe(404);
    expect(hops).toContain(`no rule names stray.${DOMAIN}`);
    expect(await fetchAt(made, `https://path.${DOMAIN}/other`)).toMatchObject({ status: 404 });
    expect(await fetchAt(made, `https://path.${DOMAIN}/jmap/x`)).toMatchObject({ status: 201 });
  });

  it("takes the first rule that matches", async () => {
    const first = { hostname: OPEN, service: "http_status:418" };
    expect(await fetchAt(edge([first, ...RULES]), `https://${OPEN}/`)).toMatchObject({ status: 418 });
  });

  it("says why when nobody listens where the rule points", async () => {
    const refuse = () => Promise.reject(new OriginError("dial tcp: connect traefik:443: connection refused"));
    const { status, hops } = await fetchAt(edge(RULES, refuse), `https://${OPEN}/`);
    expect(status).toBe(502);
    expect(hops).toContain("cloudflared cannot reach https://traefik:443");
    expect(hops).toContain("connection refused");
  });

  it("tells the host the client's address, whatever the client says", async () => {
    const made = edge();
    await fetchAt(made, `https://${OPEN}/`, {
      headers: { "CF-Connecting-IP": "192.0.2.1", "X-Forwarded-For": "192.0.2.2" },
    });
    expect(made.arrived[0]?.request.headers).toMatchObject({
      "cf-connecting-ip": CLIENT,
      "x-forwarded-for": `192.0.2.2, ${CLIENT}`,
    });
  });

  it("passes on an answer without body", async () => {
    const empty = () => Promise.resolve({ status: 204, headers: {}, body: Buffer.alloc(0) });
    expect(await fetchAt(edge(RULES, empty), `https://${OPEN}/`)).toMatchObject({ status: 204, body: "" });
  });
});

describe("cloudflared's own look at Access", () => {
  const audience = ({ world }: Edge, domain: string) =>
    String(world.find(TYPE.application, (props) => props["domain"] === domain)?.props["aud"]);

  /** The guarded name's rule checks Access as the program declares it, but for what is changed. */
  function checking(changes: (made: Edge) => Props = () => ({})): Edge {
    const made = edge();
    const access = { required: true, teamName: "sandbox", audTags: [audience(made, GUARDED)], ...changes(made) };
    const rules = RULES.map((rule) => (rule["hostname"] === GUARDED ? { ...rule, originRequest: { access } } : rule));
    made.world.update(TYPE.ingress, "ingress", made.tunnelId, ingress(made.tunnelId, rules));
    return made;
  }
  const removeApplication = ({ world }: Edge) => {
    const { id = "", props = {} } = world.find(TYPE.application, ({ domain }) => domain === GUARDED) ?? {};
    world.delete(TYPE.application, "guarded", id, props);
  };

  it("lets through what Access let through", async () => {
    const made = checking();
    expect(await fetchAt(made, `https://${GUARDED}/`, { headers: made.token })).toMatchObject({ status: 201 });
  });

  it("refuses everybody once somebody has deleted the application, also who writes the header", async () => {
    const made = checking();
    const forged = "eyJhbGciOiJub25lIn0.eyJhdWQiOlsieCJdfQ.";
    removeApplication(made);
    for (const headers of [made.token, {}, { "Cf-Access-Jwt-Assertion": forged }])
      expect(await fetchAt(made, `https://${GUARDED}/`, { headers })).toMatchObject({ status: 403 });
    expect(made.arrived).toEqual([]);
    // Without the check the name would be open.
    const open = edge();
    removeApplication(open);
    expect(await fetchAt(open, `https://${GUARDED}/`)).toMatchObject({ status: 201 });
  });

  it.each([
    ["another application's audience", (made: Edge) => ({ audTags: [audience(made, `other.${DOMAIN}`)] })],
    ["no audience", () => ({ audTags: [] })],
    ["another team", () => ({ teamName: "elsewhere" })],
  ])("refuses by a rule that names %s", async (_, changes) => {
    const made = checking(changes);
    expect(await fetchAt(made, `https://${GUARDED}/`, { headers: made.token })).toMatchObject({ status: 403 });
    expect(made.arrived).toEqual([]);
  });

  it("refuses by an application that somebody made anew: its audience is another one", async () => {
    const made = checking();
    removeApplication(made);
    made.world.create(TYPE.application, "again", application(made.policyId, { domain: GUARDED }));
    expect(await fetchAt(made, `https://${GUARDED}/`, { headers: made.token })).toMatchObject({ status: 403 });
  });
});

describe("an Access application for a path", () => {
  it.each([
    ["/admin", "refused"],
    ["/admin/login", "refused"],
    ["/administrator", "open"],
    ["/", "open"],
    ["/jmap", "open"],
  ])("at %s is %s", (path, kind) => {
    const { world, policyId } = edge();
    world.create(TYPE.application, "admin", application(policyId, { name: "admin", domain: `${OPEN}/admin` }));
    expect(checkAccess(world, new URL(`https://${OPEN}${path}`), new Headers()).kind).toBe(kind);
  });
});

describe("cloudflared", () => {
  const host: Host = { request: () => Promise.reject(new Error("not asked")) };

  it("connects with the token of a tunnel of the account", () => {
    const { world, tunnelId } = furnished();
    const connectors = new Connectors();
    expect(connectors.of(tunnelId)).toBeUndefined();
    connectors.connect(world, tunnelToken(world, tunnelId), host);
    expect(connectors.of(tunnelId)).toBe(host);
  });

  it("is refused with any other token", () => {
    const { world, tunnelId } = furnished();
    const token = tunnelToken(world, tunnelId);
    const decoded = JSON.parse(Buffer.from(token, "base64").toString()) as Record<string, string>;
    const encoded = (changes: object) => Buffer.from(JSON.stringify({ ...decoded, ...changes })).toString("base64");
    expect(encoded({})).toBe(token);
    const other = emptyWorld();
    other.newId();
    const elsewhere = tunnelToken(other, furnished(other).tunnelId);
    for (const wrong of ["", "nonsense", token.slice(1), encoded({ s: "b3RoZXI=" }), encoded({ a: "0" }), elsewhere]) {
      const connectors = new Connectors();
      expect(() => connectors.connect(world, wrong, host)).toThrow(/token is not valid|not found/);
      expect(connectors.of(tunnelId)).toBeUndefined();
    }
  });
});
