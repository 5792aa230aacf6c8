import { tunnelToken } from "../cloud/kinds/tunnel";
import type { World } from "../cloud/world";
import type { Host } from "../host/origin";

const CONNECTIONS = 4;

/** Which tunnels are connected: cloudflared on the host dials out with the token it was given. */
export class Connectors {
  readonly #hosts = new Map<string, Host>();

  /** @throws Error when no tunnel of the account has this token. */
  connect(world: World, token: string, host: Host): void {
    const text = Buffer.from(token, "base64").toString("utf8");
    const id = /"t":"([0-9a-f-]+)"/.exec(text)?.[1];
    if (id === undefined || tunnelToken(world, id) !== token)
      throw new Error("cloudflared: Provided Tunnel token is not valid.");
    this.#hosts.set(id, host);
  }

  disconnect(host: Host): void {
    for (const [id, connected] of this.#hosts) if (connected === host) this.#hosts.delete(id);
  }

  /** cloudflared keeps four, two to each of two data centres. */
  connections(tunnelId: string): number {
    return this.#hosts.has(tunnelId) ? CONNECTIONS : 0;
  }

  of(tunnelId: string): Host | undefined {
    return this.#hosts.get(tunnelId);
  }
}
