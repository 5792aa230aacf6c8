import { randomInt } from "node:crypto";

import { type Addresses, addresses, STALWART_PORTS, TRAEFIK_PORTS } from "../../../infra/host/layout";
import { traefikFiles } from "../../../infra/host/traefik/files";
import { temporaryFolder } from "../../../sandbox/temporary";
import { augustin } from "../../unit/dns/fixtures";
import type { Place } from "./backends";
import { ask, until, type Who } from "./client";
import { type Issuer, NO_ISSUER, portOf, remapped } from "./remap";
import { startTraefik, type Traefik } from "./server";

const settings = augustin();
export const { server: SERVER, inbound: INBOUND } = settings.hostnames;
export const DOMAIN = settings.domain;
export const SECRETS = {
  tunnelToken: "tunnel-token-value",
  acmeDnsToken: "acme-token-value",
  tailnetKey: "tskey-auth-value",
};
/** Somebody on the tailnet, and somebody on the internet. */
export const PHONE = "100.64.1.2";
export const BROWSER = "198.51.100.7";

/** The documented deployment's Traefik, with loopback addresses of this run alone: two runs at a time do not meet. */
export interface Deployment {
  readonly traefik: Traefik;
  /** Stands for Traefik's container. */
  readonly folder: string;
  readonly addresses: Addresses;
  /** Where Traefik listens, and where it expects Stalwart. */
  readonly entryPoint: (name: keyof typeof TRAEFIK_PORTS) => Place;
  readonly stalwart: (name: keyof typeof STALWART_PORTS) => Place;
  readonly cloudflared: Who;
  /** {@link PHONE}, by the sidecar of the tailnet. */
  readonly phone: Who;
  readonly close: () => Promise<void>;
}

/** Where a deployment of the test will be; nothing is started. */
export function newPlaces() {
  const loopback = `127.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  const { edge, mail } = addresses(`${loopback}.0/24`);
  return {
    loopback,
    addresses: { edge, mail },
    entryPoint: (name: keyof typeof TRAEFIK_PORTS) => ({ host: edge.traefik, port: portOf(TRAEFIK_PORTS[name]) }),
    stalwart: (name: keyof typeof STALWART_PORTS) => ({ host: mail.stalwart, port: portOf(STALWART_PORTS[name]) }),
    cloudflared: { from: edge.cloudflared },
    phone: { from: edge.tailscale, forwards: PHONE },
  };
}

/** What else a deployment of the test may have. */
export interface Options {
  readonly issuer?: Issuer;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where the tailnet's sidecar really comes from, when a real one does: it cannot choose its address here. */
  readonly sidecar?: string;
}

/** Starts Traefik there; resolves when it routes. Without an issuer nobody gives it a certificate. */
export async function startDeployment(
  places: ReturnType<typeof newPlaces>,
  { issuer = NO_ISSUER, environment, sidecar }: Options = {},
): Promise<Deployment> {
  const folder = temporaryFolder();
  const documented = addresses(settings.host.subnet).edge.traefik;
  const files = remapped(traefikFiles(settings, SECRETS), {
    from: documented.slice(0, documented.lastIndexOf(".")),
    to: places.loopback,
    folder: folder.path,
    issuer,
  });
  const from = places.addresses.edge.tailscale;
  const placed = files.map((file) => ({ ...file, content: file.content.replaceAll(from, sidecar ?? from) }));
  const traefik = await startTraefik(folder.path, placed, environment);
  const close = async () => {
    await traefik.stop();
    folder.remove();
  };
  try {
    // Routes appear a moment after the entry points; 404 is what Traefik answers without one.
    await until(async () => {
      const { status } = await ask(places.entryPoint("inbound"), places.cloudflared, { path: "/jmap", host: INBOUND });
      if (status === 404) throw new Error(`Traefik does not route. ${traefik.log().slice(-2_000)}`);
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { ...places, traefik, folder: folder.path, close };
}
