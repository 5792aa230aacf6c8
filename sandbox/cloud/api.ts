import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { R2_BUCKET } from "./kinds/r2";
import type { World } from "./world";

export interface Api {
  /** As the real one ends in `/client/v4`. */
  readonly baseUrl: string;
  close(): void;
}

/** The part of Cloudflare's HTTP API that the program asks itself, before the provider does anything. */
export async function serveApi(world: World): Promise<Api> {
  const server = createServer((request, response) => {
    const { status, body } = answer(world, new URL(request.url ?? "/", "http://api"), request.headers.authorization);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/client/v4`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function answer(world: World, url: URL, authorization: string | undefined): { status: number; body: unknown } {
  if (authorization !== `Bearer ${world.apiToken}`) return failure(401, 1000, "Invalid API Token");
  switch (url.pathname) {
    case "/client/v4/user/tokens/verify":
      return success({ id: "token", status: "active" });
    case "/client/v4/zones":
      return success(
        world.zones
          .filter(
            (zone) =>
              zone.name === url.searchParams.get("name") && url.searchParams.get("account.id") === world.accountId,
          )
          .map((zone) => ({ id: zone.id, name: zone.name, status: "active", name_servers: zone.nameServers })),
      );
    case `/client/v4/accounts/${world.accountId}/r2/buckets`:
      if (!world.r2Enabled) return failure(403, 10042, "Please enable R2 through the Cloudflare Dashboard.");
      return success({ buckets: world.all(R2_BUCKET).map(({ props }) => ({ name: props["name"] })) });
    default:
      return failure(404, 7003, `Could not route to ${url.pathname}`);
  }
}

function success(result: unknown): { status: number; body: unknown } {
  return { status: 200, body: { success: true, errors: [], messages: [], result } };
}

function failure(status: number, code: number, message: string): { status: number; body: unknown } {
  return { status, body: { success: false, errors: [{ code, message }], messages: [], result: null } };
}
