import { tcpServices } from "../../../infra/edge/tcp-services";
import { type Check, error, type Finding, ok, skipped, TITLE_CHARACTERS } from "../check";
import { type Context, type HostDeployment, Unreachable, type WebAnswer } from "../context";
import { converge, list, publicCheck } from "./ask";
import { certificateId } from "./names";
import { TUNNEL_CONNECTED, TUNNEL_EXISTS } from "./tunnel";

const area = "web";
/** Of a tunnel without a connector, and of an origin that does not answer (Cloudflare, 5xx errors). */
const ORIGIN_IS_DOWN = new Set([502, 503, 504, 521, 522, 523, 525, 526, 530]);
const ACCESS_LOGIN = ".cloudflareaccess.com";

/** What clients and Workers ask of the names that lead to the host. */
export function serverChecks(deployment: HostDeployment): readonly Check[] {
  return [
    edgeCheck(deployment),
    ...wellKnownChecks(deployment),
    ...guardChecks(deployment),
    administrationCheck(deployment),
    ...clientPortChecks(deployment),
  ];
}

/** That the answer comes from the edge is what keeps the home unknown. */
function edgeCheck(deployment: HostDeployment): Check {
  const { domain, hostnames } = deployment.settings;
  return publicCheck({
    id: "web.edge",
    area,
    title: "The server's name is answered by Cloudflare's edge",
    why: "An answer from elsewhere shows where the home is.",
    needs: [certificateId(hostnames.server, domain)],
    run: async ({ web }) => {
      const { headers } = await web.get(`https://${hostnames.server}/`);
      if (headers["cf-ray"] !== undefined) return ok(`cf-ray ${headers["cf-ray"]}`);
      return error(
        `no cf-ray; server ${headers["server"] ?? "not told"}`,
        "an answer with cf-ray",
        converge(deployment),
      );
    },
  });
}

interface Discovery {
  readonly service: "jmap" | "caldavs" | "carddavs";
  readonly path: string;
  readonly what: string;
}

/** What SRV leads to over HTTPS (RFC 8620 section 2.2, RFC 6764 section 5). */
const DISCOVERY: readonly Discovery[] = [
  { service: "jmap", path: "/.well-known/jmap", what: "JMAP" },
  { service: "caldavs", path: "/.well-known/caldav", what: "calendars" },
  { service: "carddavs", path: "/.well-known/carddav", what: "address books" },
];

function wellKnownChecks({ stack, settings }: HostDeployment): readonly Check[] {
  const { domain, hostnames, services } = settings;
  const url = (path: string) => `https://${hostnames.server}${path}`;
  return DISCOVERY.filter(({ service }) => services.includes(service)).map(({ service, path, what }) =>
    publicCheck({
      id: `web.${service}`,
      area,
      title: `Clients find ${what} at home`,
      why: `SRV leads there; without an answer clients cannot use ${what}.`,
      needs: service === "jmap" ? [certificateId(hostnames.server, domain)] : ["web.jmap"],
      ...(service === "jmap" ? { follows: [TUNNEL_EXISTS, TUNNEL_CONNECTED] } : {}),
      run: async ({ web }) => {
        const { status, headers } = await web.get(url(path));
        const expected = "a redirect to the service, or its demand for a login";
        if (status === 401 || status === 200) return ok(`HTTP ${status}`);
        if (status >= 300 && status < 400) return ok(`HTTP ${status} to ${headers["location"] ?? "nowhere"}`);
        const remedy = ORIGIN_IS_DOWN.has(status)
          ? "Home or its tunnel is down. On the host: docker compose ps, then docker compose up -d"
          : `pulumi up --stack ${stack}`;
        return error(`${url(path)} answers HTTP ${status}`, expected, remedy);
      },
    }),
  );
}

/** Names that only the Worker or people named in the stack file may use. */
function guardChecks(deployment: HostDeployment): readonly Check[] {
  const { domain, hostnames, inboundDelivery } = deployment.settings;
  const guarded = [
    { hostname: hostnames.inbound, label: "inbound" },
    ...(inboundDelivery === "lmtp" ? [{ hostname: hostnames.lmtp, label: "lmtp" }] : []),
    ...tcpServices(deployment.settings).map(({ hostname, service }) => ({ hostname, label: service })),
  ];
  return guarded.map(({ hostname, label }) =>
    publicCheck({
      id: `web.access.${label}`,
      area,
      title: `Access refuses strangers at ${hostname}`.slice(0, TITLE_CHARACTERS),
      why: "The name leads into the home; without Access anybody could try passwords there.",
      needs: [certificateId(hostname, domain)],
      follows: [`edge.access.${label}`],
      run: async ({ web }) => {
        const answer = await web.get(`https://${hostname}/jmap/session`);
        if (isRefusal(answer)) return ok(`HTTP ${answer.status}`);
        return error(
          `HTTP ${answer.status}${answer.headers["location"] === undefined ? "" : ` to ${answer.headers["location"]}`} without a token`,
          "HTTP 401, 403 or Access's login page",
          converge(deployment),
        );
      },
    }),
  );
}

/** Says who can reach the web interface, which `mail:adminAccess` decides. */
function administrationCheck(deployment: HostDeployment): Check {
  const { domain, hostnames, adminAccess, clientTcp } = deployment.settings;
  const expected = {
    access: `${list(clientTcp.people)}, after a login at Access`,
    public: "everybody with a password (mail:adminAccess public)",
    tailnet: "nobody here: on the tailnet only",
  }[adminAccess];
  return publicCheck({
    id: "web.admin",
    area,
    title: "Who can reach the web interface at the public name",
    why: "Anybody who can reach it can try to guess the administrator's password.",
    needs: [certificateId(hostnames.server, domain)],
    follows: [TUNNEL_EXISTS, TUNNEL_CONNECTED, "edge.access.admin", "edge.access.account"],
    run: async ({ web }) => {
      const url = `https://${hostnames.server}/admin`;
      const answer = await web.get(url);
      const isRight =
        adminAccess === "access"
          ? isRefusal(answer)
          : (answer.status === 404) === (adminAccess === "tailnet") && !isRefusal(answer);
      return isRight ? ok(expected) : error(`${url} answers HTTP ${answer.status}`, expected, converge(deployment));
    },
  });
}

/** Home itself answers this path with 200, and an open tunnel rule to a TCP service with 502. */
function isRefusal({ status, headers }: WebAnswer): boolean {
  if (status === 401 || status === 403) return true;
  const location = headers["location"] ?? "";
  return status === 302 && URL.canParse(location) && new URL(location).hostname.endsWith(ACCESS_LOGIN);
}

const CLIENT_PORTS = { imaps: 993, submissions: 465, submission: 587, sieve: 4190 } as const;
const TAILNET_ADDRESS = /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./;

/** IMAP and submission answer in the tailnet only: a machine outside of it can say nothing about them. */
function clientPortChecks({ settings, stack }: HostDeployment): readonly Check[] {
  const { hostnames, services, tailnet } = settings;
  if (!tailnet) return [];
  return (Object.keys(CLIENT_PORTS) as (keyof typeof CLIENT_PORTS)[])
    .filter((service) => services.includes(service))
    .map((service) =>
      publicCheck({
        id: `web.port.${service}`,
        area,
        title: `${service} answers where its SRV record says`,
        why: "A client that follows the record and meets silence tells its user that the password is wrong.",
        needs: [],
        run: (context) => portFinding(context, hostnames.clients, CLIENT_PORTS[service], stack),
      }),
    );
}

async function portFinding({ net }: Context, hostname: string, port: number, stack: string): Promise<Finding> {
  const address = await net.lookup(hostname);
  if (address === undefined || !TAILNET_ADDRESS.test(address))
    return skipped("only the tailnet reaches it, and this machine is not in it", `${hostname}:${port} answers`);
  try {
    await net.reach(address, port);
    return ok(`${hostname}:${port} (${address})`);
  } catch (thrown) {
    if (!(thrown instanceof Unreachable)) throw thrown;
    return error(
      `${hostname}:${port} (${address}) does not answer`,
      "a connection",
      `On the host: docker compose ps; then: pulumi up --stack ${stack}`,
    );
  }
}
