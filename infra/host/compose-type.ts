/** The part of the Compose Specification that this project uses; `config -q` of the real tool judges it. */

export interface HealthCheck {
  /** `CMD` and an argument vector: no shell is needed in the image. */
  readonly test: readonly ["CMD", ...string[]];
  readonly interval: string;
  readonly timeout: string;
  readonly retries: number;
  readonly start_period: string;
}

/** A file or folder of the host; the engine must not make a missing one, because root would own it. */
export interface BindMount {
  readonly type: "bind";
  /** Relative to the compose file's folder. */
  readonly source: string;
  readonly target: string;
  readonly read_only: boolean;
  readonly bind: { readonly create_host_path: false };
}

export interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly working_dir?: string;
  readonly hostname?: string;
  readonly user: string;
  readonly init?: true;
  readonly read_only: true;
  readonly tmpfs: readonly string[];
  readonly cap_drop: readonly ["ALL"];
  readonly cap_add?: readonly string[];
  readonly security_opt: readonly ["no-new-privileges:true"];
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly ulimits?: { readonly nofile: { readonly soft: number; readonly hard: number } };
  readonly mem_limit: string;
  readonly pids_limit: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly string[];
  readonly volumes: readonly BindMount[];
  readonly networks?: Readonly<Record<string, { readonly ipv4_address?: string }>>;
  /** In the network namespace of another service, or in none. */
  readonly network_mode?: `service:${string}` | "none";
  readonly depends_on?: Readonly<Record<string, { readonly condition: "service_started" | "service_healthy" }>>;
  readonly healthcheck?: HealthCheck;
  readonly restart: "unless-stopped" | "no";
  readonly stop_grace_period?: string;
  readonly logging: { readonly driver: "local"; readonly options: Readonly<Record<string, string>> };
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ComposeNetwork {
  readonly driver: "bridge";
  readonly ipam: {
    readonly config: readonly [{ readonly subnet: string; readonly gateway: string; readonly ip_range: string }];
  };
}

export interface ComposeProject {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, ComposeNetwork>>;
}
