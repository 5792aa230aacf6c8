/**
 * A real Traefik on the files that the host gets, moved to loopback addresses and other ports, in front of an HTTP server
 * that tells what arrived. Not proven here: the certificate's way, because DNS-01 asks Cloudflare at a fixed address.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { selfSigned } from "../../onhost/src/self-signed";
import { describeTool } from "../tools";
import { type Backend, echoBackend, EVENTS, FIRST_EVENT } from "./traefik/backends";
import { type Asked, ask, dial, say, secured, until } from "./traefik/client";
import {
  BROWSER,
  type Deployment,
  INBOUND,
  newPlaces,
  PHONE,
  SECRETS,
  SERVER,
  startDeployment,
} from "./traefik/deployment";

const START_BUDGET_MS = 120_000;
const MIB = 1024 * 1024;
/** The largest message that Email Routing hands to the Worker. */
const LARGEST = 25 * MIB;
const HSTS = "max-age=31536000";

/** Every way to lie about the client's address that a server in front of Stalwart might believe. */
const LIES = {
  "X-Forwarded-For": ["203.0.113.66", "127.0.0.1"],
  Forwarded: "for=203.0.113.66",
  "X-Real-Ip": "203.0.113.66",
};
/** Asks every proxy to take these headers away, also those that the proxy writes itself (RFC 9110 section 7.6.1). */
const TAKE_AWAY = { Connection: "X-Forwarded-For, x-forwarded-for, X-Real-Ip" };
const LIED = /203\.0\.113\.66|127\.0\.0\.1/;

describeTool("traefik")("Traefik before Stalwart's HTTP", () => {
  const places = newPlaces();
  const { cloudflared, phone } = places;
  let deployment: Deployment;
  let backend: Backend;

  beforeAll(async () => {
    backend = await echoBackend(places.stalwart("http"));
    deployment = await startDeployment(places);
  }, START_BUDGET_MS);

  afterAll(async () => {
    await deployment.close();
    await backend.close();
  }, START_BUDGET_MS);

  const asWorker = (asked: Partial<Asked>) =>
    ask(places.entryPoint("inbound"), cloudflared, { path: "/jmap", host: INBOUND, ...asked });
  const asBrowser = (asked: Partial<Asked>) =>
    ask(places.entryPoint("tunnel"), cloudflared, { path: "/dav/cal", host: SERVER, ...asked });

  it("has nothing to say against its files, and loads the plugin", () => {
    const log = deployment.traefik.log();
    const complaints = log.split("\n").filter((line) => /"level":"(?:error|warn|fatal)"/.test(line));
    expect(complaints.filter((line) => !/acme/i.test(line))).toEqual([]);
    expect(log).toContain("Plugins loaded");
  });

  describe("for the Worker, while no certificate authority can be reached", () => {
    it("takes the largest message", async () => {
      await deployment.traefik.logged(/"level":"error".*(?:acme|ACME)/);
      const answer = await asWorker({ path: "/jmap/upload/b/", body: Buffer.alloc(LARGEST, "m") });
      expect(answer.status).toBe(200);
      expect(answer.echo()).toMatchObject({ path: "/jmap/upload/b/", received: LARGEST });
    });

    it("knows the Worker's name alone", async () => {
      expect((await asWorker({ host: SERVER })).status).toBe(404);
    });

    it.each([[{}], [TAKE_AWAY]])(
      "says that cloudflared is the client, whatever a request claims (%j)",
      async (more) => {
        const { headers } = (await asWorker({ headers: { ...LIES, ...more, "CF-Connecting-IP": BROWSER } })).echo();
        expect(headers).toMatchObject({ "x-forwarded-for": cloudflared.from, "x-real-ip": cloudflared.from });
        expect(headers).not.toHaveProperty("forwarded");
        expect(headers).not.toHaveProperty("cf-connecting-ip");
        expect(JSON.stringify(headers)).not.toMatch(LIED);
      },
    );

    it.each([
      ["/jmap", 200],
      ["/jmap/", 200],
      ["/jmap/session", 200],
      ["/.well-known/jmap", 200],
      ["/jmap/upload/b/", 200],
      ["/healthz/live", 200],
      ["/jmap/download/b/c/d", 404],
      ["/jmap/upload/../download/b/c/d", 404],
      ["/jmap/upload/%2e%2e/download/b/c/d", 404],
      ["/jmap/eventsource/", 404],
      ["/admin", 404],
      ["/dav/cal", 404],
      ["/", 404],
    ])("answers %s with %i", async (path, status) => {
      expect((await asWorker({ path })).status).toBe(status);
    });
  });

  describe("for people by the tunnel", () => {
    it.each([
      [BROWSER, {}],
      [BROWSER, TAKE_AWAY],
      ["2001:db8::7", {}],
    ])("says that the client is %s, whom the edge names, whatever it claims (%j)", async (client, more) => {
      const answer = await asBrowser({ headers: { ...LIES, ...more, "CF-Connecting-IP": client } });
      expect(answer.headers["strict-transport-security"]).toBe(HSTS);
      const { headers } = answer.echo();
      expect(headers).toMatchObject({ "x-forwarded-for": `${client}, ${cloudflared.from}`, "x-real-ip": client });
      expect(headers).not.toHaveProperty("forwarded");
      expect(JSON.stringify(headers)).not.toMatch(LIED);
    });

    it.each([
      ["/jmap", 200],
      ["/jmap/ws", 200],
      ["/dav/cal/x", 200],
      ["/.well-known/jmap", 200],
      ["/login", 200],
      ["/", 200],
      ["/x.php", 404],
      ["/X.PHP", 404],
      ["/wp-login.php", 404],
      ["/jmapx", 404],
      ["/.git/config", 404],
      ["/metrics/prometheus", 404],
      ["/jmap/../x.php", 404],
      ["/jmap/%2e%2e/x.php", 404],
      ["//x.php", 404],
      ["/admin", 404],
      ["/admin/", 404],
      ["//admin", 404],
      ["/%61dmin", 404],
      ["/jmap/../admin", 404],
      ["/account/x", 404],
    ])("answers %s with %i", async (path, status) => {
      expect((await asBrowser({ path, headers: { "CF-Connecting-IP": BROWSER } })).status).toBe(status);
    });

    it("hands the web interface on where cloudflared has checked Access, and nothing else", async () => {
      const asAdmin = (path: string, headers: Asked["headers"] = { "CF-Connecting-IP": BROWSER }) =>
        ask(places.entryPoint("admin"), cloudflared, { path, host: SERVER, headers });
      const statuses = await Promise.all(["/admin/x", "/account", "/jmap", "/adminx"].map((path) => asAdmin(path)));
      expect(statuses.map(({ status }) => status)).toEqual([200, 200, 404, 404]);
      const { headers } = (await asAdmin("/admin", { ...LIES, "CF-Connecting-IP": BROWSER })).echo();
      expect(headers).toMatchObject({ "x-forwarded-for": `${BROWSER}, ${cloudflared.from}` });
      expect((await asAdmin("/admin", {})).status).toBe(400);
    });

    it.each([
      ["cross-site", "/jmap/session", 404],
      ["cross-site", "/dav/cal", 404],
      ["cross-site", "/api/auth", 404],
      ["cross-site", "/login", 200],
      ["same-origin", "/jmap/session", 200],
    ])("answers a page of %s at %s with %i", async (site, path, status) => {
      const headers = { "CF-Connecting-IP": BROWSER, "Sec-Fetch-Site": site };
      expect((await asBrowser({ path, headers })).status).toBe(status);
    });

    it("hands events on when they come, and not when the stream ends", async () => {
      const socket = await dial(places.entryPoint("tunnel"), cloudflared);
      const head = `GET ${EVENTS} HTTP/1.1\r\nHost: ${SERVER}\r\nCF-Connecting-IP: ${BROWSER}\r\n\r\n`;
      expect(await say(socket, head, /^event: /)).toContain(FIRST_EVENT.trim());
      socket.destroy();
    });

    it("lets a client change to WebSocket", async () => {
      const socket = await dial(places.entryPoint("tunnel"), cloudflared);
      const head = ["GET /jmap/ws HTTP/1.1", `Host: ${SERVER}`, `CF-Connecting-IP: ${BROWSER}`];
      const upgrade = ["Connection: Upgrade", "Upgrade: websocket", ""];
      await say(socket, [...head, ...upgrade].join("\r\n"), /^HTTP\/1.1 101 /);
      expect(await say(socket, "over the socket", /over the socket/)).toBe("over the socket");
      socket.destroy();
    });

    it.each([
      ["nobody", {}],
      ["two", { "CF-Connecting-IP": [BROWSER, "127.0.0.1"] }],
      ["a list", { "CF-Connecting-IP": `${BROWSER}, 127.0.0.1` }],
      ["no address", { "CF-Connecting-IP": "localhost" }],
    ])("refuses when the edge names %s", async (_, headers) => {
      expect((await asBrowser({ headers: { ...LIES, ...headers } })).status).toBe(400);
    });

    it.each(["evil.example", "augustin.ai"])("knows no %s", async (host) => {
      expect((await asBrowser({ host, headers: { "CF-Connecting-IP": BROWSER } })).status).toBe(404);
      expect((await asWorker({ host })).status).toBe(404);
    });
  });

  describe("for the tailnet", () => {
    const websecure = () => dial(places.entryPoint("websecure"), phone);

    it("fails every handshake until there is a certificate", async () => {
      await expect(websecure().then((socket) => secured(socket, SERVER))).rejects.toThrow();
    });

    it("says who is behind the sidecar, once there is one", async () => {
      const { chain, key } = selfSigned(SERVER, new Date());
      const [certFile, keyFile] = [join(deployment.folder, "certificate.pem"), join(deployment.folder, "key.pem")];
      writeFileSync(certFile, chain);
      writeFileSync(keyFile, key);
      const dynamic = join(deployment.folder, "traefik", "dynamic", "certificate.yaml");
      writeFileSync(dynamic, JSON.stringify({ tls: { certificates: [{ certFile, keyFile }] } }));

      const asked = { path: "/jmap", host: SERVER, headers: { ...LIES, "CF-Connecting-IP": BROWSER } };
      const answer = await until(() => ask(places.entryPoint("websecure"), { ...phone, tls: true }, asked));
      expect(answer.headers["strict-transport-security"]).toBe(HSTS);
      const { headers } = answer.echo();
      expect(headers).toMatchObject({ "x-forwarded-for": PHONE, "x-real-ip": PHONE });
      expect(headers).not.toHaveProperty("forwarded");
      expect(headers).not.toHaveProperty("cf-connecting-ip");

      const forged = { ...cloudflared, forwards: PHONE, tls: true } as const;
      const unmasked = (await ask(places.entryPoint("websecure"), forged, asked)).echo();
      expect(unmasked.headers["x-forwarded-for"]).toBe(cloudflared.from);

      await expect(websecure().then((socket) => secured(socket, "evil.example"))).rejects.toThrow();
    });
  });

  it("follows changed routing without a restart", async () => {
    const path = join(deployment.folder, "traefik", "dynamic", "mail.yaml");
    const before = readFileSync(path, "utf8");
    writeFileSync(path, before.replaceAll(`Host(\`${INBOUND}\`)`, "Host(`other.example`)"));
    await until(async () => expect((await asWorker({ host: "other.example" })).status).toBe(200));
    expect((await asWorker({ host: INBOUND })).status).toBe(404);
    writeFileSync(path, before);
    await until(async () => expect((await asWorker({ host: INBOUND })).status).toBe(200));
  });

  it("logs requests without saying who made them or what they were for", async () => {
    const asked = { path: "/jmap/upload/secret-account/?q=secret-query" };
    await asWorker({ ...asked, headers: { cookie: "secret-cookie" } });
    await asBrowser({ ...asked, headers: { "CF-Connecting-IP": BROWSER, authorization: "Basic c2VjcmV0" } });
    await deployment.traefik.logged(/"RouterName":"tunnel@file"/);
    const log = deployment.traefik.log();
    const requests = log.split("\n").filter((line) => line.includes("entryPointName"));
    expect(requests.length).toBeGreaterThan(1);
    for (const line of requests) expect(line).not.toMatch(/secret|c2VjcmV0|upload|198\.51\.100|100\.64|127\.0/);
    for (const secret of Object.values(SECRETS)) expect(log).not.toContain(secret);
  });

  it("is healthy until it stops", async () => {
    expect(await deployment.traefik.command("healthcheck")).toBe(0);
    await deployment.traefik.stop();
    expect(await deployment.traefik.command("healthcheck")).toBe(1);
  });
});
