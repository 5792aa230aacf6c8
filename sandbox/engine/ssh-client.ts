import { createPrivateKey } from "node:crypto";
import { constants } from "node:os";

import ssh2 from "ssh2";

import { numberAt, type Props, textAt } from "../cloud/props";

/** What one command over SSH left behind. */
export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as they came. */
  readonly both: string;
  /** In the words of Go's SSH client; undefined: it ended well. */
  readonly failure: string | undefined;
}

/** No connection was made; the text is that of Go's SSH client. */
class DialError extends Error {}

const USUAL_PORT = 22;
const USUAL_DIAL_ERROR_LIMIT = 10;
const USUAL_DIAL_TIMEOUT_S = 15;
/** Between two attempts, and how it grows (pulumi/sdk/go/common/util/retry). */
const FIRST_DELAY_MS = 100;
const DELAY_GROWS = 1.5;
const LONGEST_DELAY_MS = 5_000;

/**
 * Runs one command as the provider does (pulumi-command v1.2.1, remote/connection.go and commandOutputs.go): dials anew for
 * each, several times if need be, takes any host when `hostKey` is not set.
 *
 * @param connection the resource's property of this name
 * @throws Error when no connection comes about
 */
export async function runOverSsh(
  connection: Props,
  command: string,
  stdin: string,
  environment: Readonly<Record<string, string>>,
): Promise<Ran> {
  const client = await dial(connection);
  try {
    return await execute(client, command, stdin, environment);
  } finally {
    client.end();
  }
}

async function dial(connection: Props): Promise<ssh2.Client> {
  const limit = numberAt(connection, "dialErrorLimit") ?? USUAL_DIAL_ERROR_LIMIT;
  for (let failed = 0, delay = FIRST_DELAY_MS; ; failed += 1, delay = Math.min(delay * DELAY_GROWS, LONGEST_DELAY_MS)) {
    try {
      return await dialOnce(connection);
    } catch (error) {
      if (!(error instanceof DialError)) throw error;
      if (limit > -1 && failed + 1 > limit)
        throw new Error(`after ${failed} failed attempts: ${error.message}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

function dialOnce(connection: Props): Promise<ssh2.Client> {
  const hostKey = textAt(connection, "hostKey");
  const [type = "", blob = ""] = hostKey?.split(" ") ?? [];
  const host = textAt(connection, "host") ?? "";
  const port = numberAt(connection, "port") ?? USUAL_PORT;
  const privateKey = textAt(connection, "privateKey");
  let isKnown = true;
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on("ready", () => resolve(client));
    client.on("error", (error) => {
      client.end();
      reject(new DialError(inGo(error, host, port, isKnown)));
    });
    client.connect({
      host,
      port,
      username: textAt(connection, "user") ?? "root",
      readyTimeout: (numberAt(connection, "perDialTimeout") ?? USUAL_DIAL_TIMEOUT_S) * 1000,
      ...(privateKey === undefined ? {} : { privateKey: opensshForm(privateKey) }),
      ...(hostKey === undefined
        ? {}
        : {
            algorithms: { serverHostKey: [type as ssh2.ServerHostKeyAlgorithm] },
            hostVerifier: (key: Buffer) => (isKnown = key.equals(Buffer.from(blob, "base64"))),
          }),
    });
  });
}

/** The same failure in the words of golang.org/x/crypto/ssh, which the real provider shows. */
function inGo(error: Error & { code?: string; level?: string }, host: string, port: number, isKnown: boolean): string {
  const address = `${host}:${port}`;
  if (!isKnown) return "ssh: handshake failed: ssh: host key mismatch";
  if (error.level === "client-authentication")
    return "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain";
  if (error.code === "ECONNREFUSED") return `dial tcp ${address}: connect: connection refused`;
  if (error.code === "ENOTFOUND") return `dial tcp: lookup ${host}: no such host`;
  if (error.level === "client-timeout") return `dial tcp ${address}: i/o timeout`;
  return `ssh: handshake failed: ${error.message}`;
}

function execute(
  client: ssh2.Client,
  command: string,
  stdin: string,
  environment: Readonly<Record<string, string>>,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    client.exec(command, { env: environment }, (error, channel) => {
      if (error) return reject(new Error(`ssh: command ${command} failed`));
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      const both: Buffer[] = [];
      let failure: string | undefined = "wait: remote command exited without exit status or exit signal";
      channel.on("data", (chunk: Buffer) => [stdout, both].forEach((list) => list.push(chunk)));
      channel.stderr.on("data", (chunk: Buffer) => [stderr, both].forEach((list) => list.push(chunk)));
      channel.on("exit", (code: number | null, signal?: string) => {
        if (code === 0) failure = undefined;
        else if (code === null) failure = endedBy(signal ?? "");
        else failure = `Process exited with status ${code}`;
      });
      const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString("utf8");
      channel.on("close", () => resolve({ stdout: text(stdout), stderr: text(stderr), both: text(both), failure }));
      channel.end(stdin);
    });
  });
}

/** `signal`: ssh2's name for it, with the SIG that the wire does not carry. */
function endedBy(signal: string): string {
  const number = constants.signals[signal as NodeJS.Signals] as number | undefined;
  return `Process exited with status ${128 + (number ?? 0)} from signal ${signal.replace(/^SIG/, "")}`;
}

/** ssh2 reads no PKCS #8, Go does (OpenSSH's PROTOCOL.key; RFC 8709 for the public half). */
export function opensshForm(key: string): string {
  if (!key.startsWith("-----BEGIN PRIVATE KEY-----")) return key;
  const { x = "", d = "" } = createPrivateKey(key).export({ format: "jwk" });
  const publicKey = Buffer.from(x, "base64url");
  const blob = Buffer.concat([string("ssh-ed25519"), string(publicKey)]);
  const checks = Buffer.alloc(8);
  const secret = Buffer.concat([
    checks,
    blob,
    string(Buffer.concat([Buffer.from(d, "base64url"), publicKey])),
    string(""),
  ]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, (8 - (secret.length % 8)) % 8);
  const whole = Buffer.concat([
    ...[Buffer.from("openssh-key-v1\0"), string("none"), string("none"), string(""), Buffer.from([0, 0, 0, 1])],
    ...[string(blob), string(Buffer.concat([secret, padding]))],
  ]);
  const lines = whole.toString("base64").replace(/.{70}/g, "$&\n");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function string(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
