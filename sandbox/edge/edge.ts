import { CRON, ROUTE, SCRIPT } from "../cloud/kinds/workers";
import { listAt, textAt } from "../cloud/props";
import type { World } from "../cloud/world";
import { isWithin } from "../cloud/zone";
import { newTrace, type Trace } from "../trace";
import { edgeBuckets } from "./buckets";
import type { Connectors } from "./connector";
import { frontDoor, route } from "./front-door";
import type { ScheduledReport } from "./harness";
import { RateLimits } from "./rate-limits";
import { Workers } from "./workers";

/** What Cloudflare serves for its own mail servers (documentation of Email Routing, MTA-STS). */
const CLOUDFLARE_POLICY = "version: STSv1\nmode: enforce\nmx: *.mx.cloudflare.net\nmax_age: 86400\n";
const POLICY_HOST = "mta-sts.mx.cloudflare.net";

/** Requests of Workers carry this address (Cloudflare, Workers, CF-Connecting-IP). */
const WORKERS = "2a06:98c0:3600::103";

/** One run of a script's `scheduled`. */
export interface CronRun {
  readonly scriptName: string;
  readonly report: ScheduledReport;
}

/** Cloudflare's edge: answers HTTPS for the account's names, runs Workers, and is the internet that Workers see. */
export class Edge {
  readonly workers: Workers;
  readonly #limits: RateLimits;
  /** Where the hops of the Workers' own requests are written. */
  trace: Trace | undefined;

  constructor(
    private readonly world: World,
    private readonly connectors: Connectors,
  ) {
    this.workers = new Workers(
      (request) => this.fetch(request),
      (request) => this.#upgrade(request),
    );
    this.#limits = new RateLimits(world);
    world.buckets = edgeBuckets(world, this.workers);
  }

  /** @param from the client's address; the usual one is what all Workers of all customers have */
  async fetch(request: Request, from = WORKERS): Promise<Response> {
    const { hostname, pathname } = new URL(request.url);
    const trace = this.trace ?? newTrace();
    if (hostname === POLICY_HOST) return new Response(CLOUDFLARE_POLICY, { headers: { "content-type": "text/plain" } });
    const zone = this.world.zones.find((candidate) => isWithin(candidate, hostname));
    if (!zone) throw new Error(`${hostname} is not reachable from the sandbox`);
    if (this.#limits.refuses(zone.id, pathname, from)) return new Response("error code: 1015", { status: 429 });
    const script = this.#routed(`${hostname}${pathname}`);
    const isProxied = zone.records.some((record) => record.name === hostname && record.proxied);
    if (script === undefined || !isProxied) return frontDoor(this.world, this.connectors, request, from, trace);
    trace.hop(`${hostname}: Worker ${textAt(script, "scriptName") ?? ""} by its route`);
    const worker = await this.workers.of(script);
    const { method } = request;
    const sent = method === "GET" || method === "HEAD" ? {} : { body: Buffer.from(await request.arrayBuffer()) };
    const { status, headers, body } = await worker.fetch(request.url, {
      method,
      headers: Object.fromEntries(request.headers),
      ...sent,
    });
    return new Response(new Uint8Array(body), { status, headers });
  }

  /** The clock strikes: every script with a cron trigger runs its `scheduled` once for each schedule. */
  async cron(): Promise<readonly CronRun[]> {
    const runs: CronRun[] = [];
    for (const { props } of this.world.all(CRON)) {
      const scriptName = textAt(props, "scriptName") ?? "";
      const script = this.world.find(SCRIPT, (candidate) => candidate["scriptName"] === scriptName)?.props;
      for (const schedule of script ? listAt(props, "schedules") : []) {
        const worker = await this.workers.of(script ?? {});
        runs.push({ scriptName, report: await worker.scheduled(textAt(schedule, "cron") ?? "") });
      }
    }
    return runs;
  }

  close(): Promise<void> {
    return this.workers.close();
  }

  /** A Worker's WebSocket: the loopback port of the TCP service that its name leads to, or what the edge answers. */
  #upgrade(request: Request): Promise<number | Response> {
    const url = new URL(request.url);
    const trace = this.trace ?? newTrace();
    const found = route(this.world, this.connectors, url, request.headers, trace);
    if (found.kind === "stopped") {
      const { status, why, location } = found;
      return Promise.resolve(new Response(why, { status, ...(location && { headers: { location } }) }));
    }
    const { host, service } = found;
    const port = service.protocol === "tcp:" ? host.port?.(service) : undefined;
    const stands = port === undefined ? "cloudflared cannot reach it (HTTP 502)" : "WebSocket";
    trace.hop(`tunnel: ${url.hostname} -> ${service.protocol}//${service.host}: ${stands}`);
    return Promise.resolve(port ?? new Response("error code: 502", { status: 502 }));
  }

  /** The script whose route matches; a pattern ends in `*` or names one URL. */
  #routed(address: string): Readonly<Record<string, unknown>> | undefined {
    const route = this.world.find(ROUTE, (props) => {
      const pattern = textAt(props, "pattern") ?? "";
      return pattern.endsWith("*") ? address.startsWith(pattern.slice(0, -1)) : address === pattern;
    });
    const name = route?.props["script"];
    return this.world.find(SCRIPT, (props) => props["scriptName"] === name)?.props;
  }
}
