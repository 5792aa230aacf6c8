import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import type { PolicyFragment } from "../../../infra/clients/tailnet-policy";
import { toolPath } from "../../../tools/go-tool";
import { until } from "../traefik/client";
import { type Program, startProgram } from "./program";

/** The tailnet's control server, with a relay of its own, on loopback. */
export interface Headscale {
  /** Where machines log in. */
  readonly url: string;
  /** What a machine's programs must have in their environment: the relay speaks plain HTTP here. */
  readonly environment: Readonly<Record<string, string>>;
  /** A key that joins one machine once; without a tag it is a member's. */
  readonly key: (tag?: string) => string;
  readonly log: () => string;
  readonly close: () => Promise<void>;
}

export interface HeadscaleOptions {
  readonly folder: string;
  /** In the words of Tailscale, of which headscale knows the older ones. */
  readonly policy: PolicyFragment;
  /** Name servers by domain. */
  readonly splitDns: Readonly<Record<string, readonly string[]>>;
}

/** Starts headscale; resolves when it gives out keys. */
export async function startHeadscale({ folder, policy, splitDns }: HeadscaleOptions): Promise<Headscale> {
  const at = (name: string) => join(folder, name);
  const [port, metrics, grpc] = [await freePort(), await freePort(), await freePort()];
  const stun = await freeUdpPort();
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(at("policy.json"), JSON.stringify(accessList(policy)));
  const configuration = {
    server_url: url,
    listen_addr: `127.0.0.1:${port}`,
    metrics_listen_addr: `127.0.0.1:${metrics}`,
    grpc_listen_addr: `127.0.0.1:${grpc}`,
    noise: { private_key_path: at("noise.key") },
    prefixes: { v4: "100.64.0.0/10", v6: "fd7a:115c:a1e0::/48", allocation: "sequential" },
    derp: {
      server: {
        enabled: true,
        region_id: 999,
        region_code: "test",
        region_name: "test",
        verify_clients: false,
        stun_listen_addr: `127.0.0.1:${stun}`,
        private_key_path: at("derp.key"),
        automatically_add_embedded_derp_region: true,
        ipv4: "127.0.0.1",
      },
      urls: [],
      paths: [],
      auto_update_enabled: false,
    },
    disable_check_updates: true,
    database: { type: "sqlite", sqlite: { path: at("db.sqlite") } },
    log: { level: "info", format: "text" },
    policy: { mode: "file", path: at("policy.json") },
    dns: {
      magic_dns: true,
      base_domain: "tailnet.test",
      override_local_dns: false,
      nameservers: { global: [], split: splitDns },
    },
    unix_socket: at("headscale.sock"),
    unix_socket_permission: "0700",
    logtail: { enabled: false },
  };
  writeFileSync(at("headscale.yaml"), JSON.stringify(configuration));
  const program: Program = startProgram("headscale", toolPath("headscale"), ["-c", at("headscale.yaml"), "serve"]);

  function command(...args: readonly string[]): unknown {
    const all = ["-c", at("headscale.yaml"), "-o", "json", ...args];
    const { status, stdout, stderr } = spawnSync(toolPath("headscale"), all, { encoding: "utf8" });
    if (status !== 0) throw new Error(`headscale ${args.join(" ")}: ${stderr}${stdout}`);
    return JSON.parse(stdout);
  }
  try {
    await until(() => {
      if (program.hasEnded()) throw new Error(`headscale ended. ${program.log().slice(-2_000)}`);
      return Promise.resolve(command("users", "create", "jane"));
    });
  } catch (error) {
    await program.stop();
    throw error;
  }
  return {
    url,
    environment: { TS_DEBUG_USE_DERP_HTTP: "true", TS_NO_LOGS_NO_SUPPORT: "true" },
    key: (tag) => {
      const tags = tag === undefined ? [] : ["--tags", tag];
      const { key } = command("preauthkeys", "create", "--user", "1", ...tags) as { readonly key: string };
      return key;
    },
    log: program.log,
    close: program.stop,
  };
}

/** headscale 0.27 knows `acls` and no `grants`; they say the same. */
function accessList({ tagOwners, grants }: PolicyFragment): object {
  const acls = grants.flatMap(({ src, dst, ip }) =>
    ip.map((each) => {
      const [proto = "", port = ""] = each.split(":");
      return { action: "accept", src, proto, dst: dst.map((machine) => `${machine}:${port}`) };
    }),
  );
  // It has no autogroup:admin either.
  const owners = Object.fromEntries(Object.keys(tagOwners).map((tag) => [tag, ["jane@"]]));
  return { tagOwners: owners, acls };
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const holder = createServer();
    holder.listen(0, "127.0.0.1", () => {
      const { port } = holder.address() as AddressInfo;
      holder.close(() => resolve(port));
    });
  });
}

function freeUdpPort(): Promise<number> {
  return new Promise((resolve) => {
    const holder = createSocket("udp4");
    holder.bind(0, "127.0.0.1", () => {
      const { port } = holder.address();
      holder.close(() => resolve(port));
    });
  });
}
