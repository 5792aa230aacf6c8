import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { SCRIPT } from "./kinds/workers";
import { answerList, page } from "./list-api";
import { answerR2 } from "./r2-api";
import { textAt } from "./props";
import type { World } from "./world";
import { wireZone, type Zone } from "./zone";

export interface Api {
  /** As the real one ends in `/client/v4`. */
  readonly baseUrl: string;
  close(): void;
}

/** The part of Cloudflare's HTTP API that the program and the operator's commands ask themselves. */
export async function serveApi(world: World): Promise<Api> {
  const server = createServer((request, response) => {
    answer(world, request).then(
      ({ status, body, type = "application/octet-stream", headers = {} }) => {
        const [contentType, content] = Buffer.isBuffer(body)
          ? [type, body]
          : ["application/json", JSON.stringify(body)];
        response.writeHead(status, { "content-type": contentType, ...headers }).end(content);
      },
      () => response.destroy(),
    );
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

interface Answer {
  readonly status: number;
  /** Bytes as they are; anything else as JSON. */
  readonly body: unknown;
  /** Of bytes. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function answer(world: World, request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? "/", "http://api");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.headers.authorization !== `Bearer ${world.apiToken}`) return failure(401, 1000, "Invalid API Token");
  const buckets = `/client/v4/accounts/${world.accountId}/r2/buckets`;
  if (url.pathname.startsWith(buckets)) {
    const path = url.pathname.slice(buckets.length);
    const given = await answerR2(world, request.method ?? "GET", path, url.searchParams, Buffer.concat(chunks));
    if (given === undefined) return failure(405, 10_003, `no ${request.method ?? ""} here`);
    if ("bytes" in given) return { status: 200, body: given.bytes };
    return "code" in given ? failure(given.status, given.code, given.message) : success(given.result, given.info);
  }
  const script = /\/workers\/scripts\/([^/]+)\/content\/v2$/.exec(url.pathname)?.[1];
  if (script !== undefined) return await scriptContent(world, script);
  switch (url.pathname) {
    case "/client/v4/user/tokens/verify":
      return success({ id: "token", status: "active", expires_on: world.apiTokenExpiresAt });
    case "/client/v4/accounts":
      return success([{ id: world.accountId, name: "sandbox" }]);
    case "/client/v4/zones":
      return request.method === "POST"
        ? addZone(world, Buffer.concat(chunks).toString())
        : success(
            world.zones
              .filter((zone) => isAskedFor(world, zone, url.searchParams))
              .map((zone) => wireZone(zone, world.accountId)),
          );
    default: {
      const listing =
        request.method === "GET" ? answerList(world, url.pathname.replace(/^\/client\/v4/, "")) : undefined;
      if (listing === undefined) return failure(404, 7003, `Could not route to ${url.pathname}`);
      if ("one" in listing) return success(listing.one);
      if (listing.perPage === undefined) return success(listing.all);
      const { result, info } = page(listing.all, listing.perPage, url.searchParams);
      return success(result, info);
    }
  }
}

function isAskedFor(world: World, zone: Zone, query: URLSearchParams): boolean {
  const owner = zone.accountId ?? world.accountId;
  return zone.name === query.get("name") && (query.get("account.id") ?? owner) === owner;
}

/** The account's own zones are told apart from others by code 1061. */
function addZone(world: World, body: string): Answer {
  const { name, account, type } = JSON.parse(body) as { name?: unknown; account?: { id?: unknown }; type?: unknown };
  if (account?.id !== world.accountId) return failure(403, 1068, "Permission denied");
  if (typeof name !== "string" || !/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(name) || (type !== undefined && type !== "full"))
    return failure(400, 1001, "Invalid zone name");
  if (world.zones.some((zone) => zone.name === name)) return failure(400, 1061, `${name} already exists`);
  return success(wireZone(world.addZone(name), world.accountId));
}

/** The modules as the parts of a form; a header names the main one. */
async function scriptContent(world: World, name: string): Promise<Answer> {
  const props = world.find(SCRIPT, ({ scriptName }) => scriptName === name)?.props ?? {};
  const main = textAt(props, "mainModule");
  if (main === undefined) return failure(404, 10_007, "This Worker does not exist on your account.");
  const form = new FormData();
  form.set(main, new Blob([textAt(props, "content") ?? ""], { type: "application/javascript+module" }), main);
  const encoded = new Response(form);
  const type = encoded.headers.get("content-type") ?? "";
  return { status: 200, body: Buffer.from(await encoded.arrayBuffer()), type, headers: { "cf-entrypoint": main } };
}

function success(result: unknown, info?: unknown): Answer {
  return { status: 200, body: { success: true, errors: [], messages: [], result, result_info: info } };
}

function failure(status: number, code: number, message: string): Answer {
  return { status, body: { success: false, errors: [{ code, message }], messages: [], result: null } };
}
