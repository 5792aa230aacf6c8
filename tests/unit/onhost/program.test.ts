import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { bundleOnhost, onhostFile, startOnhostBundle } from "../../../infra/host/onhost";
import { FILES } from "../../../onhost/src/deployment";
import { httpTo } from "../../../onhost/src/http";
import { listenerFindings } from "../../../onhost/src/listeners";
import { registryOf } from "../../../onhost/src/registry";
import { openLab, refuseSecrets, type Lab, type Ran } from "./lab";

describe("the bundle", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
    lab.write(FILES.program, bundleOnhost());
    await lab.converge();
  });
  afterAll(() => lab.close());

  const start = (...args: readonly string[]) =>
    spawn(process.execPath, [lab.file(FILES.program), ...args], {
      env: { ONHOST_ROOT: lab.root, STALWART_URL: lab.url, ONHOST_PORTS: "off" },
    });

  async function bundled(...args: readonly string[]): Promise<Ran> {
    const child = start(...args);
    const text = { out: "", err: "" };
    child.stdout.on("data", (part: Buffer) => (text.out += part.toString()));
    child.stderr.on("data", (part: Buffer) => (text.err += part.toString()));
    const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? -1)));
    refuseSecrets(text.err);
    return { code, ...text };
  }

  test("is the same text each time, names no place of this machine, and asks for nothing but node", async () => {
    const { content, path: name, mode } = onhostFile(await startOnhostBundle());
    expect(content).toBe(bundleOnhost());
    expect([name, mode]).toEqual([FILES.program, "0644"]);
    expect(content).not.toContain(process.cwd());
    for (const [, module = ""] of content.matchAll(/from "([^"]+)"/g)) expect(module).toMatch(/^node:/);
  });

  test("runs as a program: verify, key, an error, no command", async () => {
    expect(await bundled("verify")).toEqual({ code: 0, out: "", err: "" });
    expect(await bundled("key", "1")).toEqual({ code: 0, out: lab.read(`${FILES.keys}/worker-1`), err: "" });
    expect(await bundled("retire", "3")).toMatchObject({ code: 1, out: "" });
    expect(await bundled("what")).toMatchObject({ code: 2, out: "" });
  });

  test("watches certificates until it is told to end", async () => {
    const child = start("certificates", "--watch");
    await new Promise<void>((resolve) => child.stderr.once("data", () => resolve()));
    expect(lab.read(FILES.certificate)).toContain("BEGIN CERTIFICATE");
    const began = Date.now();
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once("exit", (_code, signal) => resolve(signal)),
    );
    child.kill("SIGTERM");
    await ended;
    expect(Date.now() - began).toBeLessThan(2_000);
  });
});

test("a missing or broken file on the host is named", async () => {
  const lab = await openLab();
  try {
    lab.write(FILES.recoveryAdmin, "ADMIN\n");
    expect((await lab.onhost("verify")).err).toContain("stalwart/secrets/recovery-admin.env does not name");
    lab.write(FILES.recoveryAdmin, "STALWART_RECOVERY_ADMIN=admin:other\n");
    expect((await lab.onhost("verify")).err).toContain("does not know the recovery administrator (HTTP 401)");
    lab.write(FILES.plan, "{}\n");
    expect((await lab.onhost("verify")).err).toContain("Line 1 of Stalwart's plan is no operation that is known here.");
    lab.write(FILES.deployment, "{}");
    expect((await lab.onhost("key", "1")).err).toContain('deployment.json does not say "domain".');
    rmSync(lab.file(FILES.adminPassword));
    mkdirSync(lab.file(FILES.adminPassword));
    expect((await lab.onhost("passwords")).err).toContain("stalwart/secrets/admin-password cannot be read (EISDIR).");
    rmSync(lab.file(FILES.plan));
    expect((await lab.onhost("verify")).err).toContain("stalwart/plan/plan.ndjson is not there.");
  } finally {
    await lab.close();
  }
});

describe("a server that is not as expected", () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(listener: RequestListener): Promise<string> {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test("an answer that does not come ends with the time budget", async () => {
    const url = await serve(() => undefined);
    await expect(httpTo(url)("/", { budgetMs: 200 })).rejects.toThrow("(within 0.2 s)");
  });

  test("an answer without end is not read to its end", async () => {
    let sent = 0;
    const url = await serve((_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024);
      const more = () => {
        do sent += chunk.length;
        while (response.write(chunk));
        response.once("drain", more);
      };
      more();
    });
    await expect(httpTo(url)("/")).rejects.toThrow("is longer than 16777216 bytes");
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test("a redirect takes no credentials along", async () => {
    const paths: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      paths.push(request.url);
      response.writeHead(307, { location: "/elsewhere" }).end();
    });
    const { status } = await httpTo(url)("/jmap", { authorization: "Basic x" });
    expect([status, paths]).toEqual([307, ["/jmap"]]);
  });

  test.each([
    [200, "<html>", "does not speak JMAP"],
    [200, '{"methodResponses":[["error",{"type":"forbidden"},"0"]]}', "refuses x:Domain/get: forbidden"],
    [200, '{"methodResponses":[]}', "refuses x:Domain/get: no answer"],
    [403, "", "has banned the address of this container"],
    [429, "", "refuses further requests for now"],
    [500, "", "answers a JMAP request with HTTP 500"],
  ])("HTTP %d %s is an error with a next step", async (status, body, why) => {
    const url = await serve((_request, response) => response.writeHead(status).end(body));
    await expect(registryOf(httpTo(url), "Basic x").get("Domain")).rejects.toThrow(why);
  });

  test("a list that may be cut off is an error", async () => {
    const list = Array.from({ length: 500 }, (_, index) => ({ id: `i${index}` }));
    const url = await serve((_request, response) =>
      response.end(JSON.stringify({ methodResponses: [["x:Account/get", { list }, "0"]] })),
    );
    await expect(registryOf(httpTo(url), "Basic x").get("Account")).rejects.toThrow("500 or more objects");
  });
});

test("a port that is closed though planned, or open though not, is found", async () => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: open } = server.address() as AddressInfo;
  const gone = createTcpServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  const { port: closed } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  const planOf = (...ports: readonly number[]) => {
    const bind = Object.fromEntries(ports.map((port) => [`0.0.0.0:${port}`, true]));
    return [{ "@type": "reconcile", object: "NetworkListener", matchOn: ["name"], value: { x: { bind } } }] as const;
  };
  try {
    expect(await listenerFindings(planOf(open), "127.0.0.1", [])).toEqual([]);
    expect(await listenerFindings(planOf(open, closed), "127.0.0.1", [])).toEqual([{ port: closed, isOpen: false }]);
    expect(await listenerFindings(planOf(), "127.0.0.1", [open])).toEqual([{ port: open, isOpen: true }]);
  } finally {
    server.close();
  }
});
