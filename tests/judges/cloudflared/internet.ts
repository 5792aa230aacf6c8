import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";

import { type CertificatePair, selfSigned } from "../../../onhost/src/self-signed";

/** The internet that cloudflared sees: an HTTPS proxy behind which the given names are one server, and nothing else is. */
export interface Internet {
  /** For `HTTPS_PROXY`. */
  readonly proxy: string;
  /** PEM for `SSL_CERT_FILE`. */
  readonly trust: string;
  readonly close: () => Promise<void>;
}

/** @param port of the server behind TLS, on loopback */
export async function startInternet(names: readonly string[], port: number): Promise<Internet> {
  const pairs = new Map<string, CertificatePair>(names.map((name) => [name, selfSigned(name, new Date())]));
  const sockets = new Set<{ destroy: () => unknown }>();
  const server = createServer();
  server.on("connect", ({ url = "" }, socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    const pair = pairs.get(url.replace(/:443$/, ""));
    if (!pair) return void socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    const secureContext = createSecureContext({ cert: pair.chain, key: pair.key });
    const tls = new TLSSocket(socket, { isServer: true, secureContext });
    const edge = connect(port, "127.0.0.1");
    sockets.add(edge);
    tls.on("error", () => edge.destroy()).on("close", () => edge.destroy());
    edge.on("error", () => tls.destroy()).on("close", () => tls.destroy());
    tls.pipe(edge).pipe(tls);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    proxy: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    trust: [...pairs.values()].map(({ chain }) => chain).join(""),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
