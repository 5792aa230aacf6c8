import { createHash } from "node:crypto";

import { serveApi } from "./cloud/api";
import { World } from "./cloud/world";
import { newZone } from "./cloud/zone";
import { login } from "./edge/access-login";
import { Connectors } from "./edge/connector";
import { type CronRun, Edge } from "./edge/edge";
import { EmailRouter } from "./edge/email-routing";
import { type Mx, startMx } from "./edge/mx";
import { startTcpEdge } from "./edge/tcp-edge";
import type { TcpRelay } from "./edge/tcp-relay";
import { type Home, startHome } from "./host/home";
import type { Settings } from "../infra/settings/settings";
import type { StandIns } from "./stand-ins";

/** Addresses on the internet (RFC 5737). Each request comes from a different one, as from many people. */
let people = 0;
const somebody = () => `203.0.113.${1 + (people++ % 254)}`;

/** Everything around the program: the cloud's services, the MX and the host at home. */
export interface Outside {
  readonly world: World;
  /** Base URL of the cloud's HTTP API. */
  readonly apiUrl: string;
  readonly mx: Mx;
  readonly host: Home;
  /** The clock of the cron triggers strikes once. */
  cron(): Promise<readonly CronRun[]>;
  /** A request of somebody on the internet to one of the account's names. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
  /** A person logs in to a name that Access guards, and gets the token that cloudflared keeps. Throws `LoginRefused`. */
  login(hostname: string, email: string): string;
  /** What `cloudflared access tcp` of anybody connects to; the name is in the request. */
  readonly tcpEdge: TcpRelay;
  /** The registrar publishes the DS record that the program gave out. */
  publishDs(ds: string): void;
  close(): Promise<void>;
}

export interface OutsideOptions {
  /** SMTP port of the MX; any free one by default. */
  readonly smtpPort?: number;
  /** Delivered messages are also written here as files. */
  readonly mailFolder?: string;
  /** The host's backups really go there, by restic; absent: there is no repository. */
  readonly repository?: string;
}

export async function startOutside(
  settings: Settings,
  invented: StandIns,
  options: OutsideOptions = {},
): Promise<Outside> {
  const { domain, accountId } = settings;
  const world = new World({ accountId, apiToken: invented.apiToken, zones: [newZone(zoneId(domain), domain)] });
  // The operator has put the tag into the tailnet's policy (docs/phone.md).
  if (settings.tailnet) world.tailnet.setPolicy(JSON.stringify({ tagOwners: { [settings.tailnet.tag]: [] } }));
  const api = await serveApi(world);
  const connectors = new Connectors();
  world.tunnelConnections = (id) => connectors.connections(id);
  const edge = new Edge(world, connectors);
  const mx = await startMx(new EmailRouter(world, edge), options.smtpPort);
  const tcpEdge = await startTcpEdge(world, connectors);
  const { mailFolder, repository } = options;
  const host = await startHome({
    ...{ settings, invented: invented.host, world, connectors },
    ...(mailFolder === undefined ? {} : { mailFolder }),
    ...(repository === undefined ? {} : { repository }),
  });
  return {
    world,
    apiUrl: api.baseUrl,
    mx,
    host,
    cron: () => edge.cron(),
    login: (hostname, email) => login(world, hostname, email),
    tcpEdge,
    fetch: (url, init) => edge.fetch(new Request(url, init), somebody()),
    publishDs(ds) {
      for (const zone of world.zones) if (ds.startsWith(`${zone.name}.`)) zone.dsAtRegistrar = ds;
    },
    async close() {
      await edge.close();
      await Promise.all([mx.close(), tcpEdge.close(), host.close()]);
      api.close();
    },
  };
}

/** 32 hexadecimal digits, the same for the same name. */
export function zoneId(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, 32);
}
