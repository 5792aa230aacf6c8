/** What must hold for a project after compose has read it: `docker compose config --format json`. */

interface Mount {
  readonly type: string;
  readonly source?: string;
  readonly target: string;
}

export interface ResolvedService {
  readonly image?: string;
  readonly profiles?: readonly string[];
  readonly ports?: readonly unknown[];
  readonly network_mode?: string;
  readonly pid?: string;
  readonly ipc?: string;
  readonly privileged?: boolean;
  readonly devices?: readonly unknown[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly volumes?: readonly Mount[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly restart?: string;
  readonly logging?: { readonly driver?: string; readonly options?: Readonly<Record<string, string>> };
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface ResolvedProject {
  readonly services: Readonly<Record<string, ResolvedService>>;
}

/** Capabilities that a service may have: these images' binaries do not start without this one. */
const CAPABILITIES: Readonly<Record<string, readonly string[]>> = {
  stalwart: ["NET_BIND_SERVICE"],
  coredns: ["NET_BIND_SERVICE"],
};
/** CoreDNS stands beside the tailnet's sidecar, and what writes its zone needs no network at all. */
const NETWORK_MODES: Readonly<Record<string, string>> = { coredns: "service:tailscale", zone: "none" };
/** Its image holds the program and nothing that could ask it. */
const WITHOUT_CHECK = ["coredns"];
const BOUNDED_LOGS = ["local", "json-file"];
const PINNED = /^[^@]+:[^@:]*\d[^@:]*@sha256:[0-9a-f]{64}$/;

type Rule = (service: ResolvedService, name: string) => boolean;

/** Each by the sentence that it makes true. `apps`: the only folder that may be mounted. */
function rules(apps: string): Readonly<Record<string, Rule>> {
  const isTool = ({ profiles = [] }: ResolvedService) => profiles.includes("tools");
  return {
    "publishes no port": ({ ports = [] }) => ports.length === 0,
    "has a network of its own": ({ network_mode }, name) => network_mode === NETWORK_MODES[name],
    "shares no namespace": ({ pid, ipc }) => pid === undefined && ipc === undefined,
    "mounts only files of the apps folder": ({ volumes = [] }) =>
      volumes.every(({ type, source = "" }) => type === "bind" && source.startsWith(`${apps}/`)),
    "mounts no socket": ({ volumes = [] }) =>
      volumes.every(({ source = "", target }) => !/\.sock$/.test(source) && !/\.sock$/.test(target)),
    "has an image with a version and a digest": ({ image = "" }) => PINNED.test(image),
    "is not privileged": ({ privileged = false, devices = [] }) => !privileged && devices.length === 0,
    "does not run as root": ({ user = "" }) => /^[1-9]\d*:[1-9]\d*$/.test(user),
    "has a read-only root": ({ read_only }) => read_only === true,
    "drops all capabilities": ({ cap_drop = [], cap_add = [] }, name) =>
      cap_drop.includes("ALL") && cap_add.every((each) => CAPABILITIES[name]?.includes(each)),
    "gains no privileges": ({ security_opt = [] }) =>
      security_opt.length === 1 && security_opt[0] === "no-new-privileges:true",
    "has a health check": (service, name) =>
      isTool(service) ||
      WITHOUT_CHECK.includes(name) ||
      (service.healthcheck?.disable !== true &&
        service.healthcheck?.test?.[0] === "CMD" &&
        service.healthcheck.test.length > 1),
    "comes back after a crash": (service) => service.restart === (isTool(service) ? "no" : "unless-stopped"),
    "has bounded logs": ({ logging }) =>
      BOUNDED_LOGS.includes(logging?.driver ?? "") &&
      /^\d+m$/.test(logging?.options?.["max-size"] ?? "") &&
      /^[1-9]\d?$/.test(logging?.options?.["max-file"] ?? ""),
    "has bounded memory": ({ mem_limit = "0" }) => Number(mem_limit) > 0,
    "has bounded processes": ({ pids_limit = 0 }) => pids_limit > 0,
    "waits for no certificate": ({ depends_on = {} }) =>
      (depends_on["certificates"]?.condition ?? "service_started") === "service_started",
  };
}

/** `SERVICE: rule` for every rule that does not hold. */
export function violations({ services }: ResolvedProject, apps: string): string[] {
  return Object.entries(services).flatMap(([name, service]) =>
    Object.entries(rules(apps))
      .filter(([, holds]) => !holds(service, name))
      .map(([rule]) => `${name}: ${rule}`),
  );
}

export const RULES = Object.keys(rules(""));
