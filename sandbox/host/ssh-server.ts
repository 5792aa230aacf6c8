import { type ChildProcess, spawn } from "node:child_process";
import { timingSafeEqual } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";

import ssh2, { type AuthContext, type Connection, type ParsedKey, type ServerChannel, type Session } from "ssh2";

export interface SshServerOptions {
  /** Private key in OpenSSH's form, Ed25519. */
  readonly hostKey: string;
  readonly user: string;
  /** The one key that lets the user in, as a line of `authorized_keys`. */
  readonly authorizedKey: string;
  readonly home: string;
  /** Folders that come before the system's own on the user's PATH. */
  readonly path: readonly string[];
  /** Any free port by default. */
  readonly port?: number;
}

/** The host's sshd: on loopback, for one user with one key. */
export interface SshServer {
  readonly port: number;
  /** Commands that were run, newest last. What came on their standard input is not kept. */
  readonly commands: readonly string[];
  /** Connections are refused until `resume`; commands that run are ended. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** ssh2 tells signals by these names (RFC 4254 section 6.10); none other is passed on. */
const SIGNALS = new Set(["ABRT", "ALRM", "HUP", "INT", "KILL", "PIPE", "QUIT", "TERM", "USR1", "USR2"]);

/**
 * A real SSH server that runs real commands in a folder of its own, as sshd does for a command without a terminal: the
 * user's shell gets the command as one text, variables of the client are refused (no AcceptEnv), a lost connection does
 * not end what runs.
 */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const allowed = keyOf(options.authorizedKey);
  const running = new Set<ChildProcess>();
  const connections = new Set<Connection>();
  const commands: string[] = [];
  mkdirSync(options.home, { recursive: true, mode: 0o750 });
  const server = new ssh2.Server({ hostKeys: [options.hostKey], ident: "sandbox" }, (client) => {
    connections.add(client);
    client
      .on("authentication", (context) => authenticate(context, options.user, allowed))
      .on("session", (accept) => serveSession(accept()))
      .on("close", () => connections.delete(client))
      // A client that is killed resets the connection.
      .on("error", () => client.end());
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  await listen(options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  let isListening = true;
  return { port, commands, pause, resume, close: pause };

  async function resume(): Promise<void> {
    await listen(port);
    isListening = true;
  }

  async function pause(): Promise<void> {
    if (!isListening) return;
    isListening = false;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const ended = [...running].map((child) => new Promise((resolve) => child.once("close", resolve)));
    for (const child of running) kill(child, "SIGKILL");
    await Promise.all(ended);
    for (const connection of connections) connection.end();
    await closed;
  }

  function serveSession(session: Session): void {
    let child: ChildProcess | undefined;
    session.on("env", (_accept, reject) => refuse(reject));
    session.on("pty", (_accept, reject) => refuse(reject));
    session.on("signal", (accept, _reject, { name }) => {
      // ssh2 has no answer to give when the client wants none.
      (accept as (() => void) | undefined)?.();
      if (child && SIGNALS.has(name)) kill(child, `SIG${name}` as NodeJS.Signals);
    });
    session.on("exec", (accept, _reject, { command }) => {
      commands.push(command);
      child = run(accept(), command);
    });
  }

  function run(channel: ServerChannel, command: string): ChildProcess {
    const child = spawn("/bin/bash", ["-c", command], {
      cwd: options.home,
      // A group of its own, so that signals reach what the shell started.
      detached: true,
      env: {
        HOME: options.home,
        PATH: [...options.path, SYSTEM_PATH].join(":"),
        USER: options.user,
        LOGNAME: options.user,
        SHELL: "/bin/bash",
        SSH_CONNECTION: `127.0.0.1 0 127.0.0.1 ${port}`,
      },
    });
    running.add(child);
    channel.pipe(child.stdin);
    // A command may end before it has read everything.
    child.stdin.on("error", () => undefined);
    channel.on("error", () => undefined);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    child.on("close", (code, signal) => {
      running.delete(child);
      if (signal === null) channel.exit(code ?? 255);
      else channel.exit(signal.slice("SIG".length), false, "");
      channel.end();
    });
    return child;
  }
}

function authenticate(context: AuthContext, user: string, allowed: ParsedKey): void {
  const isUser = context.username === user;
  if (context.method !== "publickey" || !isUser) return context.reject(["publickey"]);
  const { key, signature, blob, hashAlgo } = context;
  const known = allowed.getPublicSSH();
  const isKey = key.algo === allowed.type && key.data.length === known.length && timingSafeEqual(key.data, known);
  // Without a signature the client only asks whether the key would do.
  if (isKey && (signature === undefined || isSigned(blob, signature, hashAlgo))) return context.accept();
  return context.reject(["publickey"]);

  function isSigned(data: Buffer | undefined, by: Buffer, algorithm: string | undefined): boolean {
    // A damaged signature gives an Error, whatever the type says.
    const answer: unknown = data && allowed.verify(data, by, algorithm);
    return answer === true;
  }
}

function keyOf(line: string): ParsedKey {
  const parsed = ssh2.utils.parseKey(line);
  if (parsed instanceof Error) throw parsed;
  return parsed;
}

/** The client may not want an answer; then there is no function to give it. */
function refuse(reject: unknown): void {
  if (typeof reject === "function") (reject as () => void)();
}

function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It ended in the meantime.
  }
}
