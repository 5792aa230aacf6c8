import { isRpcSecret, unwrapRpcSecret } from "@pulumi/pulumi/runtime";
import { parse } from "yaml";
import type { HostFile } from "../../infra/host/file";
import { COMPOSE_FOLDER } from "../../infra/host/layout";
import type { Resource } from "./resources";

/** Whose machines something runs on. */
export const ZONES = ["outside", "cloudflare", "home"] as const;
export type Zone = (typeof ZONES)[number];

export const ZONE_TITLES: Readonly<Record<Zone, string>> = {
  outside: "Internet",
  cloudflare: "Cloudflare",
  home: "Home: no open port",
};

export interface Node {
  /** Unique, letters and digits and `_`. */
  readonly id: string;
  readonly zone: Zone;
  readonly title: string;
  /** Below the title, one short line each. */
  readonly lines: readonly string[];
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

/** The way of mail and people through a deployment. Every edge's ends are nodes; both lists are in a fixed order. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
}

const MAX_LINES = 4;

/**
 * The graph of what the program declares and ships: a box is there because a resource, a container or a rule is, and so is an
 * arrow. Who sends and reads mail is outside and not declared.
 */
export function graphOf(resources: readonly Resource[], files: readonly HostFile[]): Graph {
  const drawing = new Drawing();
  // The program registers in no stable order.
  const sorted = [...resources].sort((one, other) => compare(`${one.type} ${one.name}`, `${other.type} ${other.name}`));
  const of = (type: string) => sorted.filter((resource) => resource.type.endsWith(`:${type}`)).map(plainInputs);
  drawing.node("sender", "outside", "Sender", ["any mail server"]);

  for (const { enabled, actions } of of("EmailRoutingCatchAll"))
    for (const { type, values } of items(actions)) {
      drawing.node("routing", "cloudflare", "Email Routing", ["MX, SPF, DKIM", "catch-all"]);
      drawing.edge("sender", "routing", "SMTP");
      if (enabled === true && type === "worker")
        for (const script of texts(values)) drawing.edge("routing", workerId(script), "message");
    }

  const guards = new Map<string, string>();
  for (const { domain, policies } of of("ZeroTrustAccessApplication"))
    for (const { id: policy } of items(policies)) {
      const { decision } = of("ZeroTrustAccessPolicy").find(({ $name }) => `${text($name)}-id` === policy) ?? {};
      const isService = decision === "non_identity";
      const id = isService ? "access_service" : "access_people";
      drawing.node(id, "cloudflare", "Access", [isService ? "service token only" : "named people only"]);
      drawing.edge(id, "tunnel", "");
      guards.set(text(domain), id);
    }

  const clocks = new Map(
    of("WorkersCronTrigger").map(({ scriptName, schedules }) => [text(scriptName), items(schedules)]),
  );
  for (const { scriptName, bindings } of of("WorkersScript")) {
    const script = text(scriptName);
    const crons = (clocks.get(script) ?? []).map(({ cron }) => `clock ${text(cron)}`);
    drawing.node(workerId(script), "cloudflare", "Worker", [script, ...crons]);
    for (const { name, type, text: value, bucketName } of items(bindings)) {
      if (type === "r2_bucket") drawing.edge(workerId(script), bucketId(text(bucketName)), "while home is away");
      const way = name === "JMAP_URL" ? "JMAP" : name === "LMTP_URL" ? "LMTP" : undefined;
      if (way !== undefined && URL.canParse(text(value)))
        drawing.edge(workerId(script), guards.get(new URL(text(value)).hostname) ?? "tunnel", way);
    }
  }
  for (const { name } of of("R2Bucket")) drawing.node(bucketId(text(name)), "cloudflare", "R2 spool", [text(name)]);

  for (const { pattern, script } of of("WorkersRoute")) {
    const hostname = text(pattern).split("/")[0] ?? "";
    drawing.addLine(workerId(text(script)), hostname);
    // Who sends asks for the policy; who reads asks for the rest.
    const isPolicy = hostname.startsWith("mta-sts.");
    if (!isPolicy) drawing.node("client", "outside", "Client", ["browser, phone, laptop"]);
    drawing.edge(isPolicy ? "sender" : "client", workerId(text(script)), label(hostname));
  }

  for (const { config } of of("ZeroTrustTunnelCloudflaredConfig")) {
    drawing.node("tunnel", "cloudflare", "Tunnel", []);
    for (const { hostname, service } of items(isRecord(config) ? config["ingresses"] : undefined)) {
      if (hostname === undefined) continue;
      drawing.addLine("tunnel", text(hostname));
      const guard = guards.get(text(hostname));
      if (guard === "access_service") continue;
      const isTcp = text(service).startsWith("tcp:");
      const who = isTcp ? "laptop" : "client";
      drawing.node(who, "outside", isTcp ? "Laptop" : "Client", [
        isTcp ? "cloudflared access" : "browser, phone, laptop",
      ]);
      drawing.edge(who, guard ?? "tunnel", isTcp ? label(text(hostname)) : "HTTPS");
    }
  }

  drawHome(drawing, files, of("TailnetKey").length > 0);
  for (const { bucket } of of("Bucket")) {
    drawing.node(
      "backup",
      "outside",
      "S3 bucket",
      [text(bucket)].filter((line) => line !== ""),
    );
    drawing.edge("stalwart", "backup", "backup");
  }
  const records = of("DnsRecord").length;
  if (records > 0)
    drawing.node("dns", "cloudflare", "DNS zone", [
      `${records} records`,
      ...(of("ZoneDnssec").length > 0 ? ["signed (DNSSEC)"] : []),
    ]);
  if (of("AccountToken").length > 0) drawing.edge("traefik", "dns", "certificate (DNS-01)");
  return drawing.graph();
}

/** The containers are those of the compose file, the relay is that of Stalwart's plan. */
function drawHome(drawing: Drawing, files: readonly HostFile[], hasTailnet: boolean): void {
  const compose: unknown = parse(files.find(({ path }) => path === `${COMPOSE_FOLDER}/compose.yaml`)?.content ?? "");
  const services = isRecord(compose) && isRecord(compose["services"]) ? compose["services"] : {};
  // Tools run once at a time and carry no mail.
  const running = Object.entries(services).filter(
    ([, service]) => isRecord(service) && service["profiles"] === undefined,
  );
  const drawn: readonly (readonly [service: string, title: string, line: string])[] = [
    ["cloudflared", "cloudflared", "dials out"],
    ["tailscale", "tailscale", "dials out"],
    ["traefik", "Traefik", "TLS, routing by name"],
    ["stalwart", "Stalwart", "JMAP, IMAP, SMTP, sieve"],
  ];
  for (const [service, title, line] of drawn)
    if (running.some(([name]) => name === service)) drawing.node(service, "home", title, [line]);
  const beside = running.map(([name]) => name).filter((name) => !drawn.some(([service]) => service === name));
  if (beside.length > 0) drawing.node("beside", "home", "Beside them", beside);

  drawing.edge("tunnel", "cloudflared", "");
  drawing.edge("cloudflared", "traefik", "HTTP, TCP");
  drawing.edge("tailscale", "traefik", "TCP");
  drawing.edge("traefik", "stalwart", "");
  if (hasTailnet) {
    drawing.node("phone", "outside", "Phone", ["in the tailnet"]);
    drawing.edge("phone", "tailscale", "IMAP, submission");
  }
  for (const { address, port } of relays(files)) {
    drawing.node("relay", "outside", "Relay", [`${address}:${port}`]);
    drawing.node("recipient", "outside", "Recipient", ["any mail server"]);
    drawing.edge("stalwart", "relay", "SMTP");
    drawing.edge("relay", "recipient", "SMTP");
  }
}

/** The relays of Stalwart's plan: lines of JSON, of which those that set a route are looked at. */
function relays(files: readonly HostFile[]): { address: string; port: number }[] {
  const lines = files.filter(({ path }) => path.endsWith(".ndjson")).flatMap(({ content }) => content.split("\n"));
  return lines
    .filter((line) => line.includes('"MtaRoute"'))
    .flatMap((line) => {
      const { value } = JSON.parse(line) as { value?: unknown };
      const routes = isRecord(value) ? Object.values(value) : [];
      return routes.flatMap((route) => {
        const { address, port } = isRecord(route) ? route : {};
        return typeof address === "string" && typeof port === "number" ? [{ address, port }] : [];
      });
    });
}

class Drawing {
  readonly #nodes = new Map<string, Node>();
  readonly #edges = new Map<string, { from: string; to: string; labels: string[] }>();

  /** What is there already stays as it is. */
  node(id: string, zone: Zone, title: string, lines: readonly string[]): void {
    if (!this.#nodes.has(id)) this.#nodes.set(id, { id, zone, title, lines });
  }

  addLine(id: string, line: string): void {
    const node = this.#nodes.get(id);
    if (node && !node.lines.includes(line)) this.#nodes.set(id, { ...node, lines: [...node.lines, line] });
  }

  /** Several ways between two boxes are one arrow with several words. */
  edge(from: string, to: string, word: string): void {
    const key = `${from} ${to}`;
    const edge = this.#edges.get(key) ?? { from, to, labels: [] };
    if (word !== "" && !edge.labels.includes(word)) edge.labels.push(word);
    this.#edges.set(key, edge);
  }

  graph(): Graph {
    const nodes = [...this.#nodes.values()]
      .map((node) => ({ ...node, lines: shortened(node.lines) }))
      .sort((one, other) => ZONES.indexOf(one.zone) - ZONES.indexOf(other.zone));
    const edges = [...this.#edges.values()]
      .filter(({ from, to }) => this.#nodes.has(from) && this.#nodes.has(to))
      .map(({ from, to, labels }) => ({ from, to, label: labels.join(", ") }));
    return { nodes, edges };
  }
}

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= MAX_LINES) return lines;
  return [...lines.slice(0, MAX_LINES - 1), `and ${lines.length - MAX_LINES + 1} more`];
}

function workerId(script: string): string {
  return `worker_${script.replaceAll(/[^a-z0-9]/gi, "_")}`;
}

function bucketId(bucket: string): string {
  return `bucket_${bucket.replaceAll(/[^a-z0-9]/gi, "_")}`;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** `mta-sts` of `mta-sts.example.org`. */
function label(hostname: string): string {
  return hostname.split(".")[0] ?? hostname;
}

type Plain = Readonly<Record<string, unknown>>;

/** Inputs without the marks of secrets, with the resource's own name as `$name`. */
function plainInputs({ name, inputs }: Resource): Plain {
  return { ...(unmarked(inputs) as Plain), $name: name };
}

function unmarked(value: unknown): unknown {
  if (isRpcSecret(value)) return unmarked(unwrapRpcSecret(value));
  if (Array.isArray(value)) return value.map(unmarked);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unmarked(item)]));
}

function isRecord(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function items(value: unknown): readonly Plain[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
