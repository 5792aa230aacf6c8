import { Fault } from "./fault";
import { isFields } from "./plan-line";

/**
 * What the program on the host must know of the deployment; infra/host/stalwart writes it to `DEPLOYMENT_FILE`. It holds
 * no secret.
 */
export interface Deployment {
  readonly domain: string;
  /** Logins are complete addresses. */
  readonly admin: string;
  readonly primary: string;
  /** Owner of the Worker's keys. */
  readonly service: string;
  /** IPv4 address from which Stalwart sees the Worker come (cloudflared's); the Worker's keys are valid only from there. */
  readonly workerAddress: string;
  /** For the certificate. */
  readonly hostname: string;
}

/** Files by their place in the apps folder, for whoever renders, mounts and reads them. */
export const FILES = {
  config: "stalwart/config.json",
  plan: "stalwart/plan/plan.ndjson",
  reload: "stalwart/plan/reload.ndjson",
  deployment: "stalwart/plan/deployment.json",
  /** `RESEND_API_KEY=…`, an environment file of the stalwart service. */
  resend: "stalwart/secrets/resend.env",
  /** `STALWART_RECOVERY_ADMIN=admin:…`, minted on the host, environment file of stalwart and read by onhost. */
  recoveryAdmin: "stalwart/secrets/recovery-admin.env",
  adminPassword: "stalwart/secrets/admin-password",
  accountPassword: "stalwart/secrets/account-password",
  /** The version of Stalwart that last ran on the data. Written on the host. */
  version: "stalwart/version",
  data: "stalwart/data",
  /** What `onhost export` writes, docs/backup-format.md. */
  export: "stalwart/data/export",
  /** Folder of `worker-<number>`. */
  keys: "stalwart/keys",
  /** Folder of `arrivals-<number>`, the keys of the service `arrivals`. */
  arrivalsKeys: "arrivals/keys",
  certificate: "stalwart/tls/fullchain.pem",
  certificateKey: "stalwart/tls/privkey.pem",
  acme: "traefik/acme/acme.json",
  /** tailscaled's LocalAPI. */
  tailscaled: "tailscale/run/tailscaled.sock",
  /** CoreDNS' zone, which is the server's name on the tailnet. Written on the host. */
  zone: "coredns/zone/server.zone",
  program: "onhost/onhost.cjs",
} as const;

/** Where the service `arrivals` listens. */
export const ARRIVALS_PORT = 8090;

/** Folder of the plans. */
export const PLANS = "stalwart/plan";

/** Files of a further domain, told apart from the host's by the dot in its name. */
export function filesOf(domain: string) {
  return {
    plan: `stalwart/plan/${domain}.ndjson`,
    deployment: `stalwart/plan/${domain}.json`,
    accountPassword: `stalwart/secrets/account-password.${domain}`,
    /** Written on the host. */
    applied: `stalwart/plan/${domain}.applied`,
  } as const;
}

/** The further domains whose plans are among these names of {@link PLANS}, in order. */
export function furtherDomains(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => /^(?<domain>[^/]+\.[^/]+)\.ndjson$/.exec(name)?.groups?.["domain"] ?? []).sort();
}

/** What the program on the host must know of a further domain. */
export interface FurtherDomain {
  readonly domain: string;
  readonly primary: string;
}

/** Reads the file of a further domain. Throws a `Fault` when it is not what infra wrote. */
export function parseFurtherDomain(text: string): FurtherDomain {
  const read = readerOf(text, "The domain's file");
  return { domain: read("domain"), primary: read("primary") };
}

/** Reads the deployment's file. Throws a `Fault` when it is not what infra wrote. */
export function parseDeployment(text: string): Deployment {
  const read = readerOf(text, FILES.deployment);
  return {
    domain: read("domain"),
    admin: read("admin"),
    primary: read("primary"),
    service: read("service"),
    workerAddress: read("workerAddress"),
    hostname: read("hostname"),
  };
}

function readerOf(text: string, name: string): (key: string) => string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  return (key) => {
    const item = isFields(value) ? value[key] : undefined;
    if (typeof item === "string" && item !== "") return item;
    throw new Fault(
      `${name} does not say "${key}".`,
      "Nothing was read or changed.",
      "Run pulumi up again: it installs the file.",
    );
  };
}
