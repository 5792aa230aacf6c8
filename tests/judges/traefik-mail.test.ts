/**
 * A real Traefik on the files that the host gets, moved to loopback addresses and other ports, in front of Cyrus IMAPd and a
 * submission server. Not proven here: the container around Traefik, and that its image has a newer version (decision 007).
 */
import { SMTPServer } from "smtp-server";

import { selfSigned } from "../../onhost/src/self-signed";
import { isBuilt } from "../../tools/go-tool";
import { describeWith } from "../needs";
import { describeTool } from "../tools";
import { type Cyrus, CYRUS_INSTALL, CYRUS_MASTER, PASSWORD, ROOT, startCyrus } from "./cyrus/server";
import { type MailBackend, type Place, proxiedBackend } from "./traefik/backends";
import { dial, greetedAfter, namesOf, say, secured, type Who } from "./traefik/client";
import { type Deployment, newPlaces, PHONE, SERVER, startDeployment } from "./traefik/deployment";
import { proxyHeader } from "./traefik/proxy-protocol";

const START_BUDGET_MS = 120_000;
const GREETING_MS = 100;
/** On a busy machine one of them is in time. */
const GREETINGS = 10;
/** How long a client waits for a greeting that does not come. */
const PATIENCE_MS = 1_500;

type MailPort = "imaps" | "submissions" | "submission" | "sieve";

const describeBoth = isBuilt("traefik") ? describeWith(CYRUS_MASTER, CYRUS_INSTALL) : describeTool("traefik");

describeBoth("Traefik before the mail protocols", () => {
  const places = newPlaces();
  /** Stalwart's, and not Traefik's. */
  const certificate = selfSigned(SERVER, new Date());
  let deployment: Deployment;
  let cyrus: Cyrus;
  let smtp: SMTPServer;
  let backends: Readonly<Record<MailPort, MailBackend>>;

  beforeAll(async () => {
    cyrus = await startCyrus(certificate);
    smtp = new SMTPServer({ cert: certificate.chain, key: certificate.key, authOptional: true });
    smtp.on("error", () => undefined);
    const imaps = local(cyrus.imapsPort);
    const submission = local(await listening(smtp));
    backends = {
      imaps: await proxiedBackend(places.stalwart("imaps"), imaps),
      // Only the handshake matters.
      submissions: await proxiedBackend(places.stalwart("submissions"), imaps),
      submission: await proxiedBackend(places.stalwart("submission"), submission),
      sieve: await proxiedBackend(places.stalwart("sieve"), local(cyrus.sievePort)),
    };
    deployment = await startDeployment(places);
  }, START_BUDGET_MS);

  afterAll(async () => {
    await deployment.close();
    await Promise.all(Object.values(backends).map(({ close }) => close()));
    await new Promise<void>((resolve) => smtp.close(() => resolve()));
    await cyrus.close();
  }, START_BUDGET_MS);

  const dialled = (name: Parameters<typeof places.entryPoint>[0], who: Who) => dial(places.entryPoint(name), who);

  /** Connects far enough that the backend has the connection, and says who is the client there. */
  async function clientAt(port: MailPort, entryPoint: Parameters<typeof dialled>[0], who: Who) {
    const socket = await dialled(entryPoint, who);
    if (port === "imaps" || port === "submissions") await secured(socket, SERVER);
    else await say(socket, undefined, /./);
    socket.destroy();
    return backends[port].clients.at(-1);
  }

  it("gives IMAPS to Cyrus by the name, under Cyrus' own certificate", async () => {
    const socket = await secured(await dialled("imaps", places.phone), SERVER);
    expect(namesOf(socket.getPeerCertificate())).toBe(`DNS:${SERVER}`);
    expect(socket.getPeerX509Certificate()?.toString().trim()).toBe(certificate.chain.trim());
    await say(socket, undefined, /^\* OK/);
    await say(socket, `a LOGIN ${ROOT} ${PASSWORD}`, /^a OK/);
    socket.destroy();
  });

  it.each([
    ["imaps", "another name", "mail.example.org"],
    ["imaps", "no name", undefined],
    ["submissions", "another name", "mail.example.org"],
    ["submissions", "no name", undefined],
  ] as const)("refuses %s under %s", async (port, _, name) => {
    const before = backends[port].clients.length;
    for (const who of [places.cloudflared, places.phone])
      await expect(dialled(port, who).then((socket) => secured(socket, name))).rejects.toThrow();
    expect(backends[port].clients).toHaveLength(before);
  });

  it.each([
    ["submission", places.phone],
    ["submissionTunnel", places.cloudflared],
  ] as const)("lets a client of %s say STARTTLS", async (entryPoint, who) => {
    const socket = await dialled(entryPoint, who);
    await say(socket, undefined, /^220 /);
    await say(socket, "EHLO phone.example", /^250[- ]STARTTLS/);
    await say(socket, "STARTTLS", /^220 /);
    const tls = await secured(socket, SERVER);
    expect(tls.getPeerX509Certificate()?.toString().trim()).toBe(certificate.chain.trim());
    await say(tls, "EHLO phone.example", /^250 /);
    tls.destroy();
  });

  it.each([
    ["sieve", places.phone],
    ["sieveTunnel", places.cloudflared],
  ] as const)(`lets ManageSieve greet within ${GREETING_MS} ms on %s`, async (entryPoint, who) => {
    const times: number[] = [];
    for (let each = 0; each < GREETINGS; each += 1)
      times.push((await greetedAfter(places.entryPoint(entryPoint), who, PATIENCE_MS)) ?? Infinity);
    expect(Math.min(...times)).toBeLessThan(GREETING_MS);
    expect(Math.max(...times)).toBeLessThan(PATIENCE_MS);
  });

  it("keeps cloudflared's clients waiting where a PROXY header may come, hence two more entry points", async () => {
    expect(await greetedAfter(places.entryPoint("sieve"), places.cloudflared, PATIENCE_MS)).toBeUndefined();
  });

  it.each(["imaps", "submissions", "submission", "sieve"] as const)(
    "tells Stalwart who is behind the sidecar, on %s",
    async (port) => {
      expect(await clientAt(port, port, places.phone)).toBe(PHONE);
    },
  );

  it.each([
    ["imaps", "imaps"],
    ["submissions", "submissions"],
    ["submission", "submissionTunnel"],
    ["sieve", "sieveTunnel"],
  ] as const)("tells Stalwart that cloudflared came, on %s", async (port, entryPoint) => {
    expect(await clientAt(port, entryPoint, places.cloudflared)).toBe(places.cloudflared.from);
  });

  it.each(["imaps", "submissions"] as const)(
    "believes a PROXY header of nobody but the sidecar, on %s",
    async (port) => {
      const forged = { ...places.cloudflared, forwards: "127.0.0.1" };
      expect(await clientAt(port, port, forged)).toBe(places.cloudflared.from);
    },
  );

  it("takes a PROXY header for part of the conversation where none may come", async () => {
    const socket = await dialled("submissionTunnel", places.cloudflared);
    await say(socket, undefined, /^220 /);
    socket.write(proxyHeader("127.0.0.1"));
    await say(socket, "EHLO phone.example", /^5\d\d /);
    expect(backends.submission.clients.at(-1)).toBe(places.cloudflared.from);
    socket.destroy();
  });
});

function local(port: number): Place {
  return { host: "127.0.0.1", port };
}

function listening(server: SMTPServer): Promise<number> {
  return new Promise((resolve, reject) => {
    const listener = server.listen(0, "127.0.0.1", () => {
      const bound = listener.address();
      if (typeof bound === "object" && bound !== null) resolve(bound.port);
      else reject(new Error("the submission server has no port"));
    });
  });
}
