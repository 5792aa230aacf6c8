import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

import { hostReachable } from "../../../infra/host/reachable";

const BUDGET_MS = 4000;

const servers: Server[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))));

/** Port of a server that does this with each connection. */
async function serve(each: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    each(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function asked(port: number, address = "127.0.0.1") {
  const start = Date.now();
  const warning = await hostReachable({ address, port });
  expect(Date.now() - start).toBeLessThan(BUDGET_MS);
  return warning;
}

describe("the host's SSH server", () => {
  it.each([
    ["SSH-2.0-OpenSSH_9.2p1\r\n"],
    ["SSH-1.99-old\n"],
    // RFC 4253 section 4.2: other lines may come first.
    ["Authorized use only.\r\nSSH-2.0-x\r\n"],
  ])("is there when it says %j", async (greeting) => {
    expect(await asked(await serve((socket) => socket.write(greeting)))).toBeUndefined();
  });

  it("is there also when its greeting comes in pieces", async () => {
    const port = await serve((socket) => {
      socket.write("SSH-");
      setTimeout(() => socket.write("2.0-x\r\n"), 100);
    });
    expect(await asked(port)).toBeUndefined();
  });

  it.each<[string, RegExp, (socket: Socket) => void]>([
    ["is a web server", /no SSH server/, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["talks and talks", /no SSH server/, (socket) => socket.write("x".repeat(10_000))],
    ["hangs up", /hangs up at once/, (socket) => socket.end()],
    ["says nothing", /says nothing/, () => undefined],
  ])("is not there when what answers %s", async (_what, fact, each) => {
    const port = await serve(each);
    const warning = await asked(port);
    expect(warning).toMatch(fact);
    expect(warning).toContain(`at 127.0.0.1, port ${port}:`);
  });

  it("is not there when nothing listens: what follows and what to check is said", async () => {
    const port = await serve(() => undefined);
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
    const warning = await asked(port);
    expect(warning).toMatch(/ECONNREFUSED/);
    expect(warning).toMatch(/inbound mail stays as it was/);
    expect(warning).toContain(`ssh -p ${port} 127.0.0.1`);
    expect(warning).toContain("mail:hostAddress");
  });

  it("is not there when its name does not resolve", async () => {
    expect(await asked(22, "no-such-host.invalid")).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });
});
