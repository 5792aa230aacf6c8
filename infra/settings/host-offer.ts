import type { HostSettings, Settings } from "./settings";

/**
 * What the host's stack offers to the stacks of further domains, as its output `hostOffer`. All of it is secret: it leads to
 * the host. Plain JSON, because it lies in the state.
 */
export interface HostOffer {
  /** The host's own domain. */
  readonly domain: string;
  readonly accountId: string;
  readonly inboundDelivery: Settings["inboundDelivery"];
  readonly hostnames: Pick<Settings["hostnames"], "server" | "inbound" | "lmtp" | "clients">;
  readonly host: Omit<HostSettings, "sshPrivateKey"> & { readonly sshPrivateKey: string };
  /** What a Worker needs to deliver mail: Access's service token, the key to import, the key to ask. */
  readonly worker: {
    readonly clientId: string;
    readonly clientSecret: string;
    readonly key: string;
    readonly arrivalsKey: string;
  };
}

/** The offer of a host's stack. The Worker's part is known after its `up`. */
export function hostOffer(settings: Settings, worker: HostOffer["worker"]): HostOffer {
  const { accountId, domain, host, hostnames, inboundDelivery } = settings;
  const { server, inbound, lmtp, clients } = hostnames;
  return {
    domain,
    accountId,
    inboundDelivery,
    hostnames: { server, inbound, lmtp, clients },
    host: { ...host, sshPrivateKey: host.sshPrivateKey.reveal() },
    worker,
  };
}

/** Reads the output. Undefined: it is none, or not of this release. */
export function parseHostOffer(value: unknown): HostOffer | undefined {
  return isHostOffer(value) ? value : undefined;
}

const SHAPE = {
  domain: "string",
  accountId: "string",
  inboundDelivery: "string",
  hostnames: { server: "string", inbound: "string", lmtp: "string", clients: "string" },
  host: {
    address: "string",
    port: "number",
    user: "string",
    key: "string",
    sshPrivateKey: "string",
    folder: "string",
    subnet: "string",
  },
  worker: { clientId: "string", clientSecret: "string", key: "string", arrivalsKey: "string" },
} as const;

function isHostOffer(value: unknown): value is HostOffer {
  return hasShape(value, SHAPE);
}

type Shape = { readonly [key: string]: "string" | "number" | Shape };

function hasShape(value: unknown, shape: Shape): boolean {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return Object.entries(shape).every(([key, wanted]) => {
    const field = fields.get(key);
    return typeof wanted === "string" ? typeof field === wanted && field !== "" : hasShape(field, wanted);
  });
}
