import { tunnelToken } from "../cloud/kinds/tunnel";
import type { World } from "../cloud/world";
import type { Host } from "../host/origin";

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

  of(tunnelId: string): Host | undefined {
    return this.#hosts.get(tunnelId);
  }
}
