import { serveApi } from "./cloud/api";
import { World } from "./cloud/world";
import { newZone } from "./cloud/zone";
import { Connectors } from "./edge/connector";
import { type CronRun, Edge } from "./edge/edge";
import { EmailRouter } from "./edge/email-routing";
import { type Mx, startMx } from "./edge/mx";
import { IMPORTER_PERMISSIONS } from "./host/accounts";
import { createJmapServer, type JmapServer } from "./host/jmap-server";
import { createHost } from "./host/traefik";
import type { Settings } from "../infra/settings/settings";

/** Everything around the program: the cloud's services, the MX and the host at home. */
export interface Outside {
  readonly world: World;
  /** Base URL of the cloud's HTTP API. */
  readonly apiUrl: string;
  readonly mx: Mx;
  readonly host: JmapServer;
  /** The clock of the cron triggers strikes once. */
  cron(): Promise<readonly CronRun[]>;
  /** A request of somebody on the internet to one of the account's names. */
  fetch(url: string): Promise<Response>;
  /** The primary account's password on the host, made up for this run. */
  readonly password: string;
  /** cloudflared on the host dials out with the token that the program gave out. */
  connectTunnel(token: string): void;
  /** The registrar publishes the DS record that the program gave out. */
  publishDs(ds: string): void;
  close(): Promise<void>;
}

export interface OutsideOptions {
  readonly apiToken: string;
  readonly password: string;
  /** SMTP port of the MX; any free one by default. */
  readonly smtpPort?: number;
  /** Delivered messages are also written here as files. */
  readonly mailFolder?: string;
}

export async function startOutside(settings: Settings, options: OutsideOptions): Promise<Outside> {
  const { domain, accountId, hostnames, primaryAddress, aliases } = settings;
  const world = new World({ accountId, apiToken: options.apiToken, zones: [newZone(zoneId(domain), domain)] });
  const api = await serveApi(world);
  const connectors = new Connectors();
  const edge = new Edge(world, connectors);
  const mx = await startMx(new EmailRouter(world, edge), options.smtpPort);
  const host = await createJmapServer({
    publicUrl: `https://${hostnames.server}`,
    domain,
    accounts: [{ address: primaryAddress, aliases, password: options.password }],
    apiKey: { token: "not minted yet", permissions: IMPORTER_PERMISSIONS },
    ...(options.mailFolder === undefined ? {} : { mailFolder: options.mailFolder }),
  });
  const services = createHost({ serverHostname: hostnames.server, jmapPort: host.port });
  return {
    world,
    apiUrl: api.baseUrl,
    mx,
    host,
    cron: () => edge.cron(),
    fetch: (url) => edge.fetch(new Request(url)),
    password: options.password,
    connectTunnel: (token) => connectors.connect(world, token, services),
    publishDs(ds) {
      for (const zone of world.zones) if (ds.startsWith(`${zone.name}.`)) zone.dsAtRegistrar = ds;
    },
    async close() {
      await edge.close();
      await Promise.all([mx.close(), host.close()]);
      api.close();
    },
  };
}

/** 32 hexadecimal digits, the same for the same name. */
function zoneId(name: string): string {
  return Buffer.from(name.padEnd(16, "0")).toString("hex").slice(0, 32);
}
