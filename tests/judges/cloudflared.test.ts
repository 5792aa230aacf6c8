import type { Socket } from "node:net";

import type { TunnelledService } from "../../infra/settings/settings";
import { laptopHostname } from "../../infra/settings/clients";
import { type Forward, forwards, LOCAL_ADDRESS } from "../../ops/client/local";
import { AUTH_DOMAIN } from "../../sandbox/edge/access-login";
import { deliver } from "../../sandbox/send";
import { fromDocs } from "../docs";
import { GUEST, startTcpLab, type TcpLab } from "../tcp-lab";
import { describeTool } from "../tools";
import { type Internet, startInternet } from "./cloudflared/internet";
import { type Laptop, startLaptop } from "./cloudflared/laptop";
import { dial, say, secured, until } from "./traefik/client";

/** How long a connection that must stay silent is listened to. */
const SILENCE_MS = 1_500;

describeTool("cloudflared")("cloudflared access tcp, the real one", () => {
  let lab: TcpLab;
  let internet: Internet;
  const laptops: Laptop[] = [];
  beforeAll(async () => {
    lab = await startTcpLab();
    const names = [...Object.values(lab.settings.hostnames.tcp), AUTH_DOMAIN];
    internet = await startInternet(names, lab.outside.tcpEdge.port);
  }, 60_000);
  afterEach(async () => {
    await Promise.all(laptops.splice(0).map((laptop) => laptop.close()));
  });
  afterAll(async () => {
    await internet.close();
    await lab.outside.close();
  });

  function unit(service: TunnelledService): Forward {
    const found = forwards(lab.settings).find((forward) => forward.service === service);
    if (!found) throw new Error(`${service} is not offered`);
    expect(found.command.join(" ")).toContain(fromDocs("docs/reference.md", "cloudflared access tcp"));
    return found;
  }

  async function laptop(
    service: TunnelledService,
    how: { token?: string; audience?: string; more?: readonly string[] } = {},
  ): Promise<Laptop> {
    const started = await startLaptop(unit(service), internet, how);
    laptops.push(started);
    return started;
  }

  /** With the token that a login leaves. */
  function loggedIn(service: TunnelledService): Promise<Laptop> {
    const { hostname } = unit(service);
    return laptop(service, { token: lab.outside.login(hostname, GUEST), audience: lab.audience(hostname) });
  }

  const connectTo = ({ port }: Laptop): Promise<Socket> => dial({ host: LOCAL_ADDRESS, port }, { from: LOCAL_ADDRESS });

  /** All that a connection says in a while. */
  async function heard(socket: Socket): Promise<string> {
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1"))).on("error", () => undefined);
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    socket.destroy();
    return text;
  }

  it("reads the mailbox over IMAP, under the laptop's name", async () => {
    const { primaryAddress, stalwart } = lab.settings;
    const message = Buffer.from("From: zoe@sender.example\r\nMessage-ID: <1@sender.example>\r\n\r\nhello\r\n");
    await deliver(lab.outside, primaryAddress, primaryAddress, message);
    const tls = await secured(await connectTo(await loggedIn("imaps")), laptopHostname(lab.settings));
    await say(tls, undefined, /^\* OK /);
    await say(tls, `a LOGIN ${primaryAddress} "wrong"`, /^a NO /);
    await say(tls, `b LOGIN ${primaryAddress} "${stalwart.accountPassword.reveal()}"`, /^b OK /);
    expect(await say(tls, "c SELECT INBOX", /EXISTS$/)).toBe("* 1 EXISTS");
    tls.destroy();
  });

  it("hands a message in over TLS", async () => {
    const tls = await secured(await connectTo(await loggedIn("submissions")), laptopHostname(lab.settings));
    expect(await say(tls, undefined, /^220 /)).toMatch(/ESMTP/);
    tls.destroy();
  });

  it("hears a server that speaks first: sieve", async () => {
    expect(await say(await connectTo(await loggedIn("sieve")), undefined, /^OK /)).toMatch(/ManageSieve/);
  });

  it.each([undefined, "localhost", "imap-tcp.augustin.ai"])(
    "is refused, not warned of, when the mail program names the server %s",
    async (name) => {
      const socket = await connectTo(await loggedIn("imaps"));
      await expect(secured(socket, name)).rejects.toThrow();
    },
  );

  it("carries nothing without a token and asks the person to log in at that name", async () => {
    const started = await laptop("imaps");
    expect(await heard(await connectTo(started))).toBe("");
    await until(() => {
      expect(started.log()).toContain("imap-tcp.augustin.ai/cdn-cgi/access/cli?");
      return Promise.resolve();
    });
  });

  it("carries nothing with another application's token, and throws it away", async () => {
    const [imaps, submissions] = [unit("imaps").hostname, unit("submissions").hostname];
    const token = lab.outside.login(submissions, GUEST);
    const kept = await laptop("imaps", { token, audience: lab.audience(imaps) });
    expect(await heard(await connectTo(kept))).toBe("");
    expect(kept.log()).toContain("/cdn-cgi/access/cli?");
    // Shown to Access all the same, which refuses it.
    const forced = await laptop("sieve", { more: ["--header", `Cf-Access-Token: ${token}`] });
    expect(await heard(await connectTo(forced))).toBe("");
  });

  it("carries nothing with the Worker's service token", async () => {
    const [id, secret] = lab.workerToken();
    const started = await laptop("sieve", { more: ["--service-token-id", id, "--service-token-secret", secret] });
    expect(await heard(await connectTo(started))).toBe("");
    expect(started.log()).toContain("bad handshake");
  });
});
