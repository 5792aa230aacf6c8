import { hostFiles } from "../../../infra/host/files";
import { addresses } from "../../../infra/host/layout";
import { settingsOf } from "../../../infra/settings/stack-file";
import { Container, type Neighbours, type Process } from "../../../sandbox/host/docker/container";
import type { OriginRequest } from "../../../sandbox/host/origin";
import { traefik } from "../../../sandbox/host/programs/traefik";
import { ruleMatches } from "../../../sandbox/host/programs/traefik-config";
import { standIns } from "../../../sandbox/stand-ins";
import { temporaryFolder } from "../../../sandbox/temporary";
import { install } from "./install";

const invented = standIns("prod");
const settings = settingsOf("prod", invented);
const { server, inbound } = settings.hostnames;
const { edge, mail } = addresses(settings.host.subnet);
const files = hostFiles(settings, {
  ...{ tunnelToken: "tunnel", acmeDnsToken: "acme", tailnetKey: "tskey" },
  backupKey: { accessKeyId: "AKIA", secretAccessKey: "key" },
});
const folders: { remove: () => void }[] = [];
const processes: Process[] = [];
afterAll(async () => {
  await Promise.all(processes.map((process) => process.stop()));
  folders.forEach(({ remove }) => remove());
});

interface Proxy {
  readonly process: Process;
  /** What came to Stalwart. */
  readonly arrived: { host: string; port: number; request: OriginRequest }[];
}

/** Traefik on the shipped files, of which some may be changed. */
async function proxy(change: (path: string, content: string) => string = (_, content) => content): Promise<Proxy> {
  const folder = temporaryFolder();
  folders.push(folder);
  const project = install(
    folder.path,
    files.map((file) => ({ ...file, content: change(file.path, file.content) })),
  );
  const service = project.services.find(({ name }) => name === "traefik");
  const arrived: Proxy["arrived"] = [];
  const neighbours: Neighbours = {
    port: () => undefined,
    datagrams: () => undefined,
    ports: () => ({}),
    request: (host, port, request) => {
      arrived.push({ host, port, request });
      return Promise.resolve({ status: 200, headers: {}, body: Buffer.from("stalwart") });
    },
  };
  if (!service || !traefik.start) throw new Error("no traefik");
  const process = await traefik.start(new Container(service, neighbours));
  processes.push(process);
  return { process, arrived };
}

function ask({ process }: Proxy, port: number, headers: Record<string, string>, path = "/jmap") {
  const to = { address: edge.traefik, port, from: edge.cloudflared };
  return process.http?.(to, { method: "POST", path, headers, noTlsVerify: false });
}

describe("the sandbox's Traefik on the shipped files", () => {
  it("brings the Worker to Stalwart as cloudflared, which is never banned", async () => {
    const made = await proxy();
    const headers = { host: inbound, "cf-connecting-ip": "2a06:98c0:3600::103", forwarded: "for=192.0.2.1" };
    expect(await ask(made, 8081, { ...headers, "x-forwarded-for": "192.0.2.1" })).toMatchObject({ status: 200 });
    const [there] = made.arrived;
    expect(there).toMatchObject({ host: mail.stalwart, port: 8080 });
    expect(there?.request.headers).toMatchObject({ "x-forwarded-for": edge.cloudflared });
    expect(Object.keys(there?.request.headers ?? {})).not.toContain("forwarded");
  });

  it("brings people to Stalwart under the address that the edge names, whatever they claim", async () => {
    const made = await proxy();
    const claimed = { "X-Forwarded-For": "192.0.2.1", Forwarded: "for=192.0.2.1", "X-Real-IP": "192.0.2.1" };
    await ask(made, 8080, { host: server, "cf-connecting-ip": "203.0.113.7", ...claimed }, "/dav/anything");
    expect(made.arrived[0]?.request.headers).toMatchObject({ "x-forwarded-for": "203.0.113.7" });
    expect(JSON.stringify(made.arrived[0]?.request.headers)).not.toContain("192.0.2.1");
    expect(await ask(made, 8080, { host: server })).toMatchObject({ status: 400 });
    expect(made.arrived).toHaveLength(1);
  });

  it("lets the Worker's name to nothing but what it needs, and no other name anywhere", async () => {
    const made = await proxy();
    expect(await ask(made, 8081, { host: inbound }, "/admin")).toMatchObject({ status: 404 });
    expect(await ask(made, 8080, { host: inbound, "cf-connecting-ip": "203.0.113.7" })).toMatchObject({ status: 404 });
    expect(await ask(made, 8081, { host: "other.example" })).toMatchObject({ status: 404 });
    expect(ask(made, 8079, { host: server })).toBeUndefined();
    expect(made.arrived).toEqual([]);
  });

  it("is not there without its middleware, its plugin or its service", async () => {
    for (const [from, to] of [
      ["- as-edge-says", "- nobody"],
      ["service: stalwart", "service: nobody"],
    ] as const) {
      const made = await proxy((path, content) => (path.includes("dynamic") ? content.replaceAll(from, to) : content));
      const answer = await ask(made, 8080, { host: server, "cf-connecting-ip": "203.0.113.7" });
      expect({ from, status: answer?.status }).toEqual({ from, status: 404 });
    }
  });

  it("does not start on an address that is not its own", async () => {
    const wrong = (path: string, content: string) =>
      path === "traefik/traefik.yaml" ? content.replaceAll(edge.traefik, "192.0.2.9") : content;
    await expect(proxy(wrong)).rejects.toThrow("cannot assign requested address");
  });
});

describe("a rule", () => {
  it.each([
    ["Host(`a.example`)", true],
    ["Host(`b.example`)", false],
    ["Host(`a.example`) && Path(`/x`)", false],
    ["Host(`a.example`) && PathPrefix(`/jmap`)", true],
    ["(Host(`b.example`) || Host(`a.example`)) && (Path(`/x`) || Path(`/jmap/y`))", true],
    ["!Host(`b.example`) && !Path(`/x`)", true],
    ["Host(`b.example`) && Path(`/x`) || Host(`a.example`)", true],
  ])("%s", (rule, matches) => {
    expect(ruleMatches(rule, "a.example", "/jmap/y")).toBe(matches);
  });

  it.each(["HostRegexp(`a`)", "Host(`a`", "Host(`a`) Path(`/`)", "(Host(`a`)", ""])("%s is not guessed at", (rule) => {
    expect(() => ruleMatches(rule, "a", "/")).toThrow("rule");
  });
});
