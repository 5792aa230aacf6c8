import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { cloudflareApi } from "../../../ops/adopt/cloudflare";
import { readLive } from "../../../ops/adopt/live";
import { takenBuckets } from "../../../ops/adopt/s3";
import { TYPE } from "../../../ops/adopt/types";
import type { Preview } from "../../../ops/adopt/wanted";
import { type Api, serveApi } from "../../../sandbox/cloud/api";
import * as cloud from "../cloud/cloud";
import { wanted } from "./fixtures";

/** More than two pages of everything that comes in pages. */
const MANY = 120;

let api: Api;
const made = cloud.furnished();
const { world } = made;
const preview: Preview = {
  wanted: [
    wanted(TYPE.record, "dns-x", { zoneId: cloud.zoneId }),
    wanted(TYPE.bucket, "bucket", { accountId: cloud.accountId, name: "mail-spool" }),
    wanted(TYPE.script, "script", { accountId: cloud.accountId, scriptName: "mail-in" }),
  ],
  kept: [],
  config: {},
};

beforeAll(async () => {
  for (let nth = 0; nth < MANY; nth += 1) {
    world.create(cloud.TYPE.record, "r", cloud.txt({ name: `n${nth}.example.org` }));
    world.create(cloud.TYPE.r2, "b", cloud.r2({ name: `bucket-${nth}` }));
    world.create(cloud.TYPE.tunnel, "t", cloud.tunnel({ name: `tunnel ${nth}` }));
    world.create(cloud.TYPE.policy, "p", cloud.policy(made.tokenId, { name: `policy ${nth}` }));
  }
  world.create(cloud.TYPE.record, "srv", cloud.srv());
  world.create(cloud.TYPE.ingress, "i", cloud.ingress(made.tunnelId));
  world.create(cloud.TYPE.cron, "c", cloud.cron("* * * * *"));
  world.create(cloud.TYPE.route, "r", { zoneId: cloud.zoneId, pattern: "mta-sts.example.org/*", script: "mail-in" });
  world.create(cloud.TYPE.subdomain, "s", { accountId: cloud.accountId, scriptName: "mail-in", enabled: true });
  world.create(cloud.TYPE.application, "a", cloud.application(made.policyId));
  world.create(cloud.TYPE.notification, "n", cloud.notification());
  world.create(cloud.TYPE.routing, "r", { zoneId: cloud.zoneId });
  world.create(cloud.TYPE.routingDns, "r", { zoneId: cloud.zoneId });
  world.create(cloud.TYPE.catchAll, "c", cloud.catchAll());
  world.create(cloud.TYPE.dnssec, "d", { zoneId: cloud.zoneId, status: "active" });
  api = await serveApi(world);
});
afterAll(() => api.close());

test("reads every page of everything, in the shape of the program's inputs, and nothing secret", async () => {
  const live = await readLive(cloudflareApi(api.baseUrl, world.apiToken), preview);
  expect(live.zones).toEqual([{ id: cloud.zoneId, name: cloud.DOMAIN, routing: true }]);
  expect(live.records.filter(({ type, locked }) => type === "TXT" && !locked)).toHaveLength(MANY);
  expect(live.records.filter(({ locked }) => locked)).toHaveLength(5);
  expect(live.records.find(({ type }) => type === "SRV")).toMatchObject({ data: cloud.srv()["data"], priority: 0 });
  const of = (type: string) => live.objects.filter((object) => object.type === type);
  expect(of(TYPE.bucket)).toHaveLength(MANY + 1);
  expect(of(TYPE.tunnel)).toHaveLength(MANY + 1);
  expect(of(TYPE.policy)).toHaveLength(MANY + 1);
  expect(of(TYPE.policy).find(({ id }) => id === made.policyId)?.props).toEqual(cloud.policy(made.tokenId));
  expect(of(TYPE.ingress)).toMatchObject([
    { importId: `${cloud.accountId}/${made.tunnelId}`, props: { config: cloud.ingress(made.tunnelId)["config"] } },
  ]);
  expect(of(TYPE.notification)[0]?.props).toEqual(cloud.notification());
  expect(of(TYPE.application)[0]).toMatchObject({
    importId: expect.stringMatching(/^accounts\//) as unknown,
    props: cloud.application(made.policyId),
  });
  expect(of(TYPE.catchAll)[0]?.props).toEqual(cloud.catchAll());
  expect(of(TYPE.cron)[0]?.props).toEqual(cloud.cron("* * * * *"));
  expect(of(TYPE.route)).toHaveLength(1);
  expect(of(TYPE.subdomain)).toHaveLength(1);
  expect(of(TYPE.dnssec)[0]?.importId).toBe(cloud.zoneId);
  expect(JSON.stringify(live)).not.toContain("hidden");
});

test("what it finds is what an import by its id finds", async () => {
  const live = await readLive(cloudflareApi(api.baseUrl, world.apiToken), preview);
  const ids = [
    ...live.records.filter(({ locked }) => !locked).map(({ zoneId, id }) => [TYPE.record, `${zoneId}/${id}`] as const),
    ...live.objects.map(({ type, importId }) => [type, importId] as const),
  ];
  for (const [type, id] of ids) expect([type, id, world.imported(type, id) !== undefined]).toEqual([type, id, true]);
});

test("a token that Cloudflare does not take is told with the permission, and never shown", async () => {
  const wrong = "wrong-token-0123456789";
  const failed = await readLive(cloudflareApi(api.baseUrl, wrong), preview).catch((error: unknown) => String(error));
  expect(failed).toMatch(/HTTP 401, 1000.*Give the token .* Read/s);
  expect(failed).not.toContain(wrong);
  expect(() => cloudflareApi(api.baseUrl, "two words")).toThrow(/no Cloudflare API token/);
});

test("an API that does not answer is told within its time", async () => {
  const silent = createServer(() => undefined);
  try {
    const port = await listening(silent);
    const asked = cloudflareApi(`http://127.0.0.1:${port}`, "token", 50).get("/zones/x");
    await expect(asked).rejects.toThrow(/no proper answer within 0.05 s/);
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

test.each([
  [404, 0],
  [403, 1],
  [301, 1],
  [500, 0],
])("an S3 bucket of which HEAD answers %d", async (status, told) => {
  const asked: string[] = [];
  const s3 = createServer((request, response) => {
    asked.push(`${request.method ?? ""} ${request.url ?? ""} ${request.headers.authorization ?? "nobody"}`);
    response.writeHead(status).end();
  });
  try {
    const port = await listening(s3);
    const bucket = wanted("aws:s3/bucket:Bucket", "backup-bucket", { bucket: "my-backups", region: "eu-central-1" });
    const found = await takenBuckets([bucket], { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` });
    expect(found).toHaveLength(told);
    expect(asked).toEqual(["HEAD /my-backups nobody"]);
  } finally {
    s3.close();
  }
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
