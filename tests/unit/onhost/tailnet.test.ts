import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";

import { run } from "../../../onhost/src/commands";
import { FILES } from "../../../onhost/src/deployment";
import { updateZone, zoneText } from "../../../onhost/src/tailnet";
import { parseStatus } from "../../../onhost/src/tailscaled";
import { type TemporaryFolder, temporaryFolder } from "../../../sandbox/temporary";

const NAME = "stalwart.example.org";
const RUNNING = {
  BackendState: "Running",
  TailscaleIPs: ["fd7a::1", "100.64.0.7"],
  Self: { ID: "n7CNTRL" },
  Health: null,
};

let apps: TemporaryFolder;
let server: Server | undefined;
beforeEach(() => {
  apps = temporaryFolder();
});
afterEach(async () => {
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  server = undefined;
  apps.remove();
});

/** tailscaled's LocalAPI with this status. */
async function answering(status: object): Promise<void> {
  for (const folder of ["tailscale/run", "coredns/zone", "stalwart/plan"])
    mkdirSync(join(apps.path, folder), { recursive: true });
  const names = { domain: "example.org", admin: "a", primary: "b", service: "c", workerAddress: "d", hostname: NAME };
  writeFileSync(join(apps.path, FILES.deployment), JSON.stringify(names));
  server = createServer((request, response) => {
    const isKnown =
      request.headers.host === "local-tailscaled.sock" && request.url === "/localapi/v0/status?peers=false";
    response.writeHead(isKnown ? 200 : 403).end(JSON.stringify(status));
  });
  await new Promise<void>((resolve) => server?.listen(join(apps.path, FILES.tailscaled), resolve));
}

async function onhost(...args: readonly string[]) {
  let [out, err] = ["", ""];
  const code = await run(
    args,
    { ONHOST_ROOT: apps.path },
    { write: (text) => (out += text) },
    { write: (text) => (err += text) },
  );
  return { code, out, err };
}

test("tailnet prints the machine's id once it has joined", async () => {
  await answering(RUNNING);
  expect(await onhost("tailnet", "0")).toEqual({ code: 0, out: "n7CNTRL\n", err: "" });
});

test.each([
  ["NeedsLogin", /state NeedsLogin\. invalid key\n.*\n.*mail:tailnetKeyNumber/],
  ["NeedsMachineAuth", /Approve the machine/],
])("tailnet says why the host is not in it: %s", async (state, said) => {
  await answering({ BackendState: state, TailscaleIPs: null, Self: { ID: "" }, Health: ["invalid key"] });
  const { code, out, err } = await onhost("tailnet", "0");
  expect([code, out]).toEqual([1, ""]);
  expect(err).toMatch(said);
});

test("tailnet says that the sidecar does not answer", async () => {
  const { code, err } = await onhost("tailnet", "0");
  expect(code).toBe(1);
  expect(err).toContain("sidecar does not answer: ENOENT");
});

test("zone writes the machine's address, again only when it is another", async () => {
  await answering(RUNNING);
  expect(await onhost("zone")).toEqual({ code: 0, out: "", err: `${NAME} is at 100.64.0.7.\n` });
  expect(readFileSync(join(apps.path, FILES.zone), "utf8")).toContain(`${NAME}. 60 IN A 100.64.0.7\n`);
  expect(await onhost("zone")).toEqual({ code: 0, out: "", err: "" });
});

test("another address has a higher serial", () => {
  const file = join(apps.path, "zone");
  expect(updateZone(file, NAME, "100.64.0.1", new Date(1_000_000))).toBe(true);
  expect(readFileSync(file, "utf8")).toBe(zoneText(NAME, "100.64.0.1", 1_000));
  expect(updateZone(file, NAME, "100.64.0.1", new Date(2_000_000))).toBe(false);
  expect(updateZone(file, NAME, "100.64.0.10", new Date(3_000_000))).toBe(true);
  expect(readFileSync(file, "utf8")).toBe(zoneText(NAME, "100.64.0.10", 3_000));
});

test("a status without its parts reads as not joined", () => {
  for (const text of ["{}", "[]", '{"Self":null,"TailscaleIPs":[7]}'])
    expect(parseStatus(text)).toEqual({ state: "", nodeId: "", address: undefined, health: [] });
});
