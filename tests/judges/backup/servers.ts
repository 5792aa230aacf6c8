import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { selfSigned } from "../../../onhost/src/self-signed";
import { Secret } from "../../../infra/settings/secret";
import type { SftpLogin } from "../../../infra/settings/settings";
import { toolPath } from "../../../tools/go-tool";
import { startSshd } from "../ssh/sshd";

const START_BUDGET_MS = 20_000;

/** A server that keeps restic's repositories, on loopback over TLS or SSH. */
export interface RepositoryServer {
  /** What restic logs in with. */
  readonly environment: Readonly<Record<string, string>>;
  readonly sftp: SftpLogin | undefined;
  /** The folder in which the repository `name` lies. */
  readonly folderOf: (name: string) => string;
  readonly url: (name: string, port?: number) => string;
  readonly port: number;
  readonly stop: () => void;
}

/** PEM files: what servers show and clients trust. */
export function certificate(folder: string): { readonly chain: string; readonly key: string } {
  const made = selfSigned("localhost", new Date());
  const at = { chain: join(folder, "chain.pem"), key: join(folder, "key.pem") };
  writeFileSync(at.chain, made.chain);
  writeFileSync(at.key, made.key);
  return at;
}

/** restic's own server. */
export async function startRestServer(folder: string): Promise<RepositoryServer> {
  const { chain, key } = certificate(folder);
  const port = await freePort();
  const data = join(folder, "rest");
  mkdirSync(data);
  const stop = await start("rest-server", port, [
    ...["--no-auth", "--tls", "--tls-cert", chain, "--tls-key", key],
    ...["--path", data, "--listen", `127.0.0.1:${port}`],
  ]);
  const url = (name: string, at = port) => `rest:https://localhost:${at}/${name}/`;
  return { environment: {}, sftp: undefined, folderOf: (name) => join(data, name), url, port, stop };
}

/** An S3 server with one bucket, by its administrator. */
export async function startS3(folder: string): Promise<RepositoryServer> {
  const { chain, key } = certificate(folder);
  const port = await freePort();
  const data = join(folder, "s3");
  mkdirSync(join(data, "backups"), { recursive: true });
  const login = { access: "administrator", secret: "administrators-secret" };
  const stop = await start("versitygw", port, [
    ...["--port", `127.0.0.1:${port}`, "--cert", chain, "--key", key, "--access", login.access],
    ...["--secret", login.secret, "--quiet", "posix", "--sidecar", mkdir(join(folder, "attributes")), data],
  ]);
  return {
    environment: {
      AWS_ACCESS_KEY_ID: login.access,
      AWS_SECRET_ACCESS_KEY: login.secret,
      AWS_DEFAULT_REGION: "us-east-1",
    },
    sftp: undefined,
    folderOf: (name) => join(data, "backups", name),
    url: (name, at = port) => `s3:https://localhost:${at}/backups/${name}`,
    port,
    stop,
  };
}

/** A storage that is reached by SFTP: OpenSSH's server, which lets nobody do anything else. */
export async function startSftpServer(folder: string): Promise<RepositoryServer> {
  const data = mkdir(join(folder, "sftp"));
  // No TLS is needed, and whoever starts restic hands it a file of certificates.
  certificate(folder);
  const sshd = await startSshd(folder, data, "/usr/bin:/bin", [
    "Subsystem sftp internal-sftp",
    "ForceCommand internal-sftp",
    "DisableForwarding yes",
  ]);
  return {
    environment: {},
    sftp: { privateKey: new Secret(sshd.userKey), hostKeys: [sshd.hostKey] },
    folderOf: (name) => join(data, name),
    url: (name, at = sshd.port) => `sftp://${sshd.user}@127.0.0.1:${at}/${join(data, name)}`,
    port: sshd.port,
    stop: () => void sshd.stop(),
  };
}

/**
 * Passes bytes on to `port` until so many have gone there; then everything is cut, or closed as a server closes that still
 * takes what comes, and nothing answers any more.
 */
export async function startCable(port: number): Promise<{
  readonly port: number;
  readonly cutAfter: (bytes: number, how?: "cut" | "closed") => void;
  readonly mend: () => void;
  readonly stop: () => void;
}> {
  let left = Infinity;
  let end: "cut" | "closed" = "cut";
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (left <= 0) return near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", () => undefined).on("close", () => (open.delete(socket), near.destroy(), far.destroy()));
    }
    near.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left > 0) far.write(chunk);
      else if (end === "closed") {
        // Its end and nothing else: after an answer behind it OpenSSH sometimes meets a broken pipe.
        far.unpipe(near);
        near.end();
      } else for (const socket of open) socket.destroy();
    });
    near.on("end", () => far.end());
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cutAfter: (bytes, how = "cut") => {
      left = bytes;
      end = how;
    },
    mend: () => (left = Infinity),
    stop: () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

async function start(name: "rest-server" | "versitygw", port: number, args: readonly string[]): Promise<() => void> {
  const child: ChildProcess = spawn(toolPath(name), args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const stop = () => void child.kill("SIGKILL");
  process.once("exit", stop);
  for (const until = Date.now() + START_BUDGET_MS; ; await sleep(50)) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`${name} does not answer: ${said}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
      socket.on("error", () => resolve(false));
    });
    if (isOpen) return stop;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function mkdir(path: string): string {
  mkdirSync(path);
  return path;
}
