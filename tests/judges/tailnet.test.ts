/**
 * A real tailnet: headscale, the host's sidecar (containerboot and tailscaled, as in Tailscale's image) with the shipped
 * files and environment, CoreDNS, and somebody's phone; behind it the real Traefik before Cyrus IMAPd and a submission
 * server. Everything in user space and on loopback. Not proven here: the containers around the programs, that the images
 * have newer versions, and Tailscale's own control server, of which headscale is another one.
 */
import { connect as connectTcp } from "node:net";

import { SMTPServer } from "smtp-server";

import { type PolicyFragment, policyFragment } from "../../infra/clients/tailnet-policy";
import { selfSigned } from "../../onhost/src/self-signed";
import { temporaryFolder } from "../../sandbox/temporary";
import { type GoToolName, isBuilt } from "../../tools/go-tool";
import { describeWith } from "../needs";
import { describeTool } from "../tools";
import { augustin } from "../unit/dns/fixtures";
import { type Cyrus, CYRUS_INSTALL, CYRUS_MASTER, PASSWORD, ROOT, startCyrus } from "./cyrus/server";
import { NOERROR, NXDOMAIN, parseAnswer, question, REFUSED, TYPES } from "./tailnet/dns";
import { freePort, type Headscale, startHeadscale } from "./tailnet/headscale";
import { type Phone, type Sidecar, startPhone, startSidecar } from "./tailnet/machines";
import { askBySocks, dialBySocks } from "./tailnet/socks";
import { echoBackend, type MailBackend, type Place, proxiedBackend } from "./traefik/backends";
import { namesOf, say, secured, until } from "./traefik/client";
import { newPlaces, startDeployment } from "./traefik/deployment";

const START_BUDGET_MS = 240_000;
const TEST_BUDGET_MS = 60_000;
/** The first packets between two machines go round by the relay. */
const SUBJECT = "read over the tailnet";

const settings = augustin();
const { tailnet } = settings;
if (tailnet === undefined) throw new Error("the documented deployment has a tailnet");
const { server: SERVER } = settings.hostnames;

const TOOLS: readonly GoToolName[] = ["headscale", "tailscaled", "tailscale", "containerboot", "coredns", "traefik"];
const missing = TOOLS.find((tool) => !isBuilt(tool));
const describeAll = missing === undefined ? describeWith(CYRUS_MASTER, CYRUS_INSTALL) : describeTool(missing);

describeAll("a phone on the tailnet", () => {
  const places = newPlaces();
  /** Stalwart's, and not Traefik's. */
  const certificate = selfSigned(SERVER, new Date());
  const folders = [temporaryFolder(), temporaryFolder(), temporaryFolder()] as const;
  const received: string[] = [];
  let headscale: Headscale;
  let sidecar: Sidecar;
  let phone: Phone;
  let cyrus: Cyrus;
  let backends: Readonly<Record<"imaps" | "submissions" | "submission" | "sieve", MailBackend>>;
  let key: string;
  let dnsPort: number;
  /** What was started, oldest first. */
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    cyrus = await startCyrus(certificate);
    closing.push(() => cyrus.close());
    const servers = [smtpServer({ secure: true }), smtpServer({})] as const;
    closing.push(...servers.map((each) => () => new Promise<void>((done) => each.close(() => done()))));
    backends = {
      imaps: await proxiedBackend(places.stalwart("imaps"), local(cyrus.imapsPort)),
      submissions: await proxiedBackend(places.stalwart("submissions"), local(await listening(servers[0]))),
      submission: await proxiedBackend(places.stalwart("submission"), local(await listening(servers[1]))),
      sieve: await proxiedBackend(places.stalwart("sieve"), local(cyrus.sievePort)),
    };
    closing.push(...Object.values(backends).map(({ close }) => close));
    closing.push((await echoBackend(places.stalwart("http"))).close);
    // Connections from one loopback address to another come from 127.0.0.1.
    closing.push((await startDeployment(places, { sidecar: "127.0.0.1" })).close);
    const fragment = policyFragment(tailnet);
    // Port 53 of loopback is not ours, and tailscaled hands a packet to the port that it is for.
    dnsPort = await freePort();
    headscale = await startHeadscale({
      folder: folders[0].path,
      policy: { ...fragment, grants: [...fragment.grants, ...resolverGrants(fragment, dnsPort)] },
      // The first machine that joins has the first address.
      splitDns: { [SERVER]: ["100.64.0.1"] },
    });
    closing.push(() => headscale.close());
    key = headscale.key(tailnet.tag);
    sidecar = await startSidecar(sidecarOptions());
    closing.push(() => sidecar.close());
    phone = await startPhone(folders[1].path, headscale);
    closing.push(() => phone.close());
    // They know each other a moment after the phone has joined.
    await until(async () => (await dialBySocks(phone.socksPort, sidecar.address, 993)).destroy());
  }, START_BUDGET_MS);

  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    for (const folder of folders) folder.remove();
  }, START_BUDGET_MS);

  const sidecarOptions = () => ({
    folder: folders[2].path,
    settings,
    headscale,
    key,
    loopback: places.loopback,
    dnsPort,
  });

  function smtpServer(options: { readonly secure?: true }): SMTPServer {
    const smtp = new SMTPServer({
      ...options,
      cert: certificate.chain,
      key: certificate.key,
      onAuth: ({ username, password }, _session, done) =>
        username === ROOT && password === PASSWORD ? done(null, { user: ROOT }) : done(new Error("wrong password")),
      onData: (stream, _session, done) => {
        let text = "";
        stream.setEncoding("utf8").on("data", (part: string) => (text += part));
        stream.on("end", () => {
          received.push(text);
          done();
        });
      },
    });
    smtp.on("error", () => undefined);
    return smtp;
  }

  const dialled = (port: number) => dialBySocks(phone.socksPort, sidecar.address, port);
  const resolved = async (name: string, type: keyof typeof TYPES) => {
    const to = { address: sidecar.address, port: dnsPort };
    const answer = await askBySocks(phone.socksPort, to, question(name, type));
    if (answer === undefined) throw new Error(`no answer for ${name}. ${sidecar.log()}`);
    return parseAnswer(answer);
  };

  it(
    "reads a mail over IMAPS, under Stalwart's certificate and with its own address",
    async () => {
      await deliver(cyrus, SUBJECT);
      const socket = await secured(await dialled(993), SERVER);
      expect(namesOf(socket.getPeerCertificate())).toBe(`DNS:${SERVER}`);
      await say(socket, undefined, /^\* OK/);
      await say(socket, `a LOGIN ${ROOT} ${PASSWORD}`, /^a OK/);
      expect(await say(socket, "b SELECT INBOX", /^\* \d+ EXISTS/)).toBe("* 1 EXISTS");
      expect(await say(socket, "c FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]", /^Subject: /)).toBe(
        `Subject: ${SUBJECT}`,
      );
      socket.destroy();
      expect(phone.address).toMatch(/^100\.64\./);
      expect(backends.imaps.clients.at(-1)).toBe(phone.address);
    },
    TEST_BUDGET_MS,
  );

  it.each([
    [465, "submissions"],
    [587, "submission"],
  ] as const)(
    "submits a mail on port %d with its own address",
    async (port, backend) => {
      let socket = await dialled(port);
      if (port === 465) socket = await secured(socket, SERVER);
      await say(socket, undefined, /^220 /);
      if (port === 587) {
        await say(socket, "EHLO phone.example", /^250[- ]STARTTLS/);
        await say(socket, "STARTTLS", /^220 /);
        socket = await secured(socket, SERVER);
      }
      await say(socket, "EHLO phone.example", /^250 /);
      const login = Buffer.from(`\0${ROOT}\0${PASSWORD}`).toString("base64");
      await say(socket, `AUTH PLAIN ${login}`, /^235 /);
      await say(socket, `MAIL FROM:<${ROOT}>`, /^250 /);
      await say(socket, "RCPT TO:<friend@example.org>", /^250 /);
      await say(socket, "DATA", /^354 /);
      await say(socket, `Subject: sent on ${port}\r\n\r\nHello.\r\n.`, /^250 /);
      socket.destroy();
      expect(received.at(-1)).toContain(`Subject: sent on ${port}`);
      expect(backends[backend].clients.at(-1)).toBe(phone.address);
    },
    TEST_BUDGET_MS,
  );

  it(
    "is greeted by ManageSieve with its own address",
    async () => {
      const socket = await dialled(4190);
      await say(socket, undefined, /^OK|^"IMPLEMENTATION"/);
      socket.destroy();
      expect(backends.sieve.clients.at(-1)).toBe(phone.address);
    },
    TEST_BUDGET_MS,
  );

  it(
    "is not let through to another port of the host",
    async () => {
      // Traefik's entry point is there, on the machine's own loopback, and the policy does not name its port.
      const { host, port } = places.entryPoint("imaps");
      await reaches({ host, port });
      await expect(dialled(port)).rejects.toThrow();
    },
    TEST_BUDGET_MS,
  );

  it(
    "finds the server's name at the host's tailnet address, and nothing else there",
    async () => {
      expect(await resolved(SERVER, "A")).toMatchObject({ code: NOERROR, addresses: [sidecar.address] });
      for (const type of ["AAAA", "HTTPS"] as const)
        expect([type, await resolved(SERVER, type)]).toMatchObject([
          type,
          { code: NOERROR, answers: 0, authorities: 1 },
        ]);
      expect(await resolved(`www.${SERVER}`, "A")).toMatchObject({ code: NXDOMAIN, answers: 0 });
      for (const name of [settings.domain, "example.org", `x${SERVER}`])
        expect([name, await resolved(name, "A")]).toMatchObject([name, { code: REFUSED, answers: 0 }]);
    },
    TEST_BUDGET_MS,
  );

  it(
    "is told by the tailnet to ask the host for the server's name, and for no other",
    () => {
      const routes = [...phone.dns().matchAll(/^ *- (\S+?)\.? +-> +(.*)$/gm)].map(([, name, to]) => [name, to?.trim()]);
      expect(routes.filter(([, to]) => to === sidecar.address)).toEqual([[SERVER, sidecar.address]]);
    },
    TEST_BUDGET_MS,
  );

  it(
    "meets the same machine after a restart, although the key was used",
    async () => {
      const { nodeId, address } = sidecar;
      await sidecar.close();
      sidecar = await startSidecar(sidecarOptions());
      expect({ nodeId: sidecar.nodeId, address: sidecar.address }).toEqual({ nodeId, address });
      const socket = await until(async () => secured(await dialled(993), SERVER));
      await say(socket, undefined, /^\* OK/);
      socket.destroy();
    },
    START_BUDGET_MS,
  );

  it(
    "is told of a host that has lost its state that its key was used",
    async () => {
      const lost = temporaryFolder();
      try {
        await expect(startSidecar({ ...sidecarOptions(), folder: lost.path })).rejects.toThrow(
          /authkey|auth key|used/i,
        );
      } finally {
        lost.remove();
      }
    },
    START_BUDGET_MS,
  );
});

/** For the resolver's other port; and for its answers, which a phone without a network device does not recognise as such. */
function resolverGrants({ grants }: PolicyFragment, dnsPort: number): PolicyFragment["grants"] {
  const [{ src, dst } = { src: [], dst: [] }] = grants;
  return [
    { src, dst, ip: [`udp:${dnsPort}`] },
    { src: dst, dst: src, ip: ["udp:*"] },
  ];
}

async function deliver(cyrus: Cyrus, subject: string): Promise<void> {
  const socket = connectTcp(cyrus.imapPort, "127.0.0.1");
  const message = `From: a@remote.example\r\nSubject: ${subject}\r\n\r\nHello.\r\n`;
  await say(socket, undefined, /^\* OK/);
  await say(socket, `a LOGIN ${ROOT} ${PASSWORD}`, /^a OK/);
  await say(socket, `b APPEND INBOX {${message.length}}`, /^\+/);
  await say(socket, message, /^b OK/);
  socket.destroy();
}

async function reaches(to: Place): Promise<void> {
  const socket = connectTcp(to);
  await new Promise<void>((resolve, reject) => socket.once("connect", () => resolve()).once("error", reject));
  socket.destroy();
}

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
