import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const BUDGET_MS = 20_000;
const VERSION = 5;
const CONNECT = 1;
const UDP_ASSOCIATE = 3;
const IPV4 = 1;

/** A TCP connection by a SOCKS5 server on loopback (RFC 1928). Rejects when the server cannot connect. */
export async function dialBySocks(proxyPort: number, address: string, port: number): Promise<Socket> {
  const { socket } = await command(proxyPort, CONNECT, address, port);
  return socket;
}

/** Sends one datagram by the server and returns the answer; undefined when none comes in time. */
export async function askBySocks(
  proxyPort: number,
  to: { readonly address: string; readonly port: number },
  question: Buffer,
  budgetMs = BUDGET_MS,
): Promise<Buffer | undefined> {
  const { socket, relayPort } = await command(proxyPort, UDP_ASSOCIATE, "0.0.0.0", 0);
  const udp = createSocket("udp4");
  try {
    const answer = new Promise<Buffer | undefined>((resolve) => {
      udp.once("message", resolve);
      setTimeout(() => resolve(undefined), budgetMs).unref();
    });
    const head = Buffer.concat([Buffer.from([0, 0, 0]), place(to.address, to.port)]);
    udp.send(Buffer.concat([head, question]), relayPort, "127.0.0.1");
    return (await answer)?.subarray(head.length);
  } finally {
    udp.close();
    socket.destroy();
  }
}

async function command(
  proxyPort: number,
  verb: number,
  address: string,
  port: number,
): Promise<{ readonly socket: Socket; readonly relayPort: number }> {
  const socket = connect(proxyPort, "127.0.0.1");
  await once(socket, "connect");
  socket.setTimeout(BUDGET_MS, () => socket.destroy(new Error("nothing came")));
  socket.write(Buffer.from([VERSION, 1, 0]));
  await read(socket, 2);
  socket.write(Buffer.concat([Buffer.from([VERSION, verb, 0]), place(address, port)]));
  const [, status = 255, , type] = await read(socket, 4);
  if (status !== 0) {
    socket.destroy();
    throw new Error(`SOCKS: no connection to ${address}:${port}, status ${status}`);
  }
  const rest = await read(socket, (type === IPV4 ? 4 : 16) + 2);
  return { socket, relayPort: rest.readUInt16BE(rest.length - 2) };
}

function place(address: string, port: number): Buffer {
  const bytes = Buffer.from([IPV4, ...address.split(".").map(Number), 0, 0]);
  bytes.writeUInt16BE(port, 5);
  return bytes;
}

/** Exactly this many bytes; what follows stays in the stream. */
async function read(socket: Socket, size: number): Promise<Buffer> {
  for (;;) {
    const chunk = socket.read(size) as Buffer | null;
    if (chunk !== null && chunk.length === size) return chunk;
    if (socket.destroyed || socket.readableEnded) throw new Error("SOCKS: the connection was closed");
    await Promise.race([once(socket, "readable"), once(socket, "close")]);
  }
}
