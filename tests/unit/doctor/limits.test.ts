import { expiryFinding } from "../../../ops/doctor/checks/edge";
import { checksOf } from "../../../ops/doctor/checks";
import type { Context } from "../../../ops/doctor/context";
import { deploymentOf } from "../../../ops/doctor/examine";
import type { Props } from "../../../ops/adopt/props";
import { issued } from "../../worker/certificate";
import { documentedSettings } from "../../../tools/records";

/** Where ok ends: one step before each limit, and at it. The labs break things by far more. */
const NOW = new Date("2026-11-23T12:00:00Z");
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const GIBIBYTE = 1024 ** 3;
const SETTINGS = documentedSettings();
const deployment = deploymentOf("prod", SETTINGS);
const CHECKS = checksOf(deployment);

async function statusOf(id: string, world: Partial<Context>): Promise<string | undefined> {
  const context = { deployment, now: NOW, ...world } as Context;
  return (await CHECKS.find((check) => check.id === id)?.run(context))?.status;
}

/** A host whose script says these lines; its clock is that of this machine unless they say otherwise. */
function host(...lines: readonly string[]): Partial<Context> {
  return { ssh: { run: () => Promise.resolve({ code: 0, stdout: lines.join("\n"), stderr: "" }) } };
}

const ago = (ms: number) => new Date(NOW.getTime() - ms).toISOString();

test.each([
  ["", "ok"],
  [ago(-30 * DAY_MS), "ok"],
  [ago(-30 * DAY_MS + 1), "warning"],
  [ago(0), "warning"],
  [ago(1), "error"],
])("a token that ends at %j", (expiresAt, status) => {
  expect(expiryFinding(expiresAt, NOW, "make another").status).toBe(status);
});

test.each([
  [20 * GIBIBYTE, 1000 * GIBIBYTE, "ok"],
  [5 * GIBIBYTE, 1000 * GIBIBYTE, "ok"],
  [5 * GIBIBYTE - 1, 1000 * GIBIBYTE, "warning"],
  [4 * GIBIBYTE, 20 * GIBIBYTE, "ok"],
  [GIBIBYTE, 20 * GIBIBYTE, "warning"],
  [GIBIBYTE - 1, 2 * GIBIBYTE, "error"],
])("a disk with %d of %d bytes free", async (free, size, status) => {
  expect(await statusOf("host.disk", host(`disk\t${free} ${size}`))).toBe(status);
});

test.each([
  [0, "ok"],
  [8, "ok"],
  [-8, "ok"],
  [12, "warning"],
  [-12, "warning"],
  [297, "warning"],
  [303, "error"],
  [-303, "error"],
])("a clock that is %d s ahead", async (seconds, status) => {
  expect(await statusOf("host.clock", host(`time\t${Date.now() / 1000 + seconds}`))).toBe(status);
});

test.each([
  ["1.29.2", "error"],
  ["2.23.9", "error"],
  ["2.24.0", "ok"],
  ["v2.40.1-desktop.1", "ok"],
  ["5.0.0", "ok"],
  ["", "error"],
])("docker compose %j", async (version, status) => {
  expect(await statusOf("host.docker", host("docker\t29.0.0", `compose\t${version}`))).toBe(status);
});

test.each([
  ["backup", 30, "ok"],
  ["backup", 31, "warning"],
  ["backup", 78, "warning"],
  ["backup", 79, "error"],
  ["export", 31, "warning"],
  ["check", 10 * 24, "ok"],
  ["check", 10 * 24 + 1, "warning"],
  ["check", 30 * 24 + 1, "error"],
  ["drill", 35 * 24, "ok"],
  ["drill", 35 * 24 + 1, "warning"],
  ["drill", 70 * 24 + 1, "error"],
])("a %s of %d hours ago", async (job, hours, status) => {
  const report = { [job]: { success: ago(hours * HOUR_MS), failure: null } };
  expect(await statusOf(`backup.${job}`, host(`backup\t${JSON.stringify(report)}`))).toBe(status);
});

test.each([
  [20, "ok"],
  [19, "warning"],
  [0, "warning"],
  [-1, "error"],
])("a certificate of the host that ends in %d days", async (days, status) => {
  const until = new Date(NOW.getTime() + days * DAY_MS + HOUR_MS);
  const { cert } = issued([SETTINGS.hostnames.clients], new Date(NOW.getTime() - 90 * DAY_MS), until);
  expect(await statusOf("host.certificate", host(`certificate\t${Buffer.from(cert).toString("base64")}`))).toBe(status);
});

test.each([
  [14, "ok"],
  [13, "warning"],
])("a certificate of the edge that ends in %d days", async (days, status) => {
  const notAfter = new Date(NOW.getTime() + days * DAY_MS + HOUR_MS);
  const certificate = () => Promise.resolve({ notAfter, names: [], issuer: "An authority", fault: undefined });
  expect(await statusOf("web.certificate.stalwart", { net: { certificate } as unknown as Context["net"] })).toBe(
    status,
  );
});

function spool(sizes: readonly { key: string; size: number }[]): Partial<Context> {
  const objects = sizes.map((one) => ({ ...one, metadata: {} }));
  const list = (prefix: string) => Promise.resolve(objects.filter(({ key }) => key.startsWith(prefix)));
  const api = { spool: { list: (prefix: string) => list(prefix), get: () => Promise.resolve(undefined) } };
  return { cloudflare: api as unknown as Context["cloudflare"] };
}

test.each([
  [14, "ok"],
  [15, "warning"],
  [24 * 60 - 1, "warning"],
  [24 * 60, "error"],
])("a message that waits in the spool for %d minutes", async (minutes, status) => {
  const key = `spool/${ago(minutes * MINUTE_MS)}-0123abcd.eml`;
  expect(await statusOf("spool.age", spool([{ key, size: 1 }]))).toBe(status);
});

test.each([
  [5 * GIBIBYTE - 1, "ok"],
  [5 * GIBIBYTE, "warning"],
])("a spool of %d bytes, half of them dead", async (bytes, status) => {
  const half = Math.floor(bytes / 2);
  const objects = [
    { key: "spool/a", size: half },
    { key: "dead/a", size: bytes - half },
    { key: "ledger/a", size: GIBIBYTE },
  ];
  expect(await statusOf("spool.size", spool(objects))).toBe(status);
});

test.each([
  [59, "ok"],
  [60, "warning"],
  [24 * 60 - 1, "warning"],
  [24 * 60, "error"],
])("a message that waits in the queue for %d minutes", async (minutes, status) => {
  const objects: Props[] = [{ createdAt: ago(MINUTE_MS) }, { createdAt: ago(minutes * MINUTE_MS) }];
  const call: Context["jmap"]["call"] = (_using, calls) =>
    Promise.resolve(
      calls.map(([method]) => [method, method.endsWith("/query") ? { ids: ["a", "b"] } : { list: objects }, "0"]),
    );
  expect(await statusOf("stalwart.queue", { jmap: { call } })).toBe(status);
});

test.each([
  [4, "ok"],
  [3, "warning"],
  [1, "warning"],
  [0, "error"],
])("a tunnel with %d connections", async (count, status) => {
  const connections = [{ is_pending_reconnect: true }, ...Array.from({ length: count }, () => ({}))];
  const cloudflare = {
    list: () => Promise.resolve([{ id: "1", name: "mail augustin.ai" }]),
    get: () => Promise.resolve({ connections }),
  };
  expect(await statusOf("tunnel.connected", { cloudflare: cloudflare as unknown as Context["cloudflare"] })).toBe(
    status,
  );
});
