import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Counts what goes over the line, so that nobody has to believe the program's own figures. */
export interface CountingProxy {
  readonly url: string;
  /** `downloads`: contents, whether alone or several in one request. */
  readonly counts: { requests: number; downloads: number; uploads: number; bytesToClient: number };
  readonly reset: () => void;
  readonly close: () => Promise<void>;
}

export async function countingProxy(port: number): Promise<CountingProxy> {
  const counts = { requests: 0, downloads: 0, uploads: 0, bytesToClient: 0 };
  const server = createServer((incoming, outgoing) => {
    const { method, url = "", headers } = incoming;
    counts.requests += 1;
    if (url.includes("/download/")) counts.downloads += 1;
    if (url.includes("/upload/")) counts.uploads += 1;
    const onward = request({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on("data", (chunk: Buffer) => (counts.bytesToClient += chunk.length));
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    const parts: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => parts.push(chunk));
    incoming.on("end", () => (counts.downloads += blobsIn(Buffer.concat(parts).toString())));
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    reset: () => Object.assign(counts, { requests: 0, downloads: 0, uploads: 0, bytesToClient: 0 }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Contents that a request asks for. */
function blobsIn(body: string): number {
  if (!body.includes('"Blob/get"')) return 0;
  const { methodCalls } = JSON.parse(body) as { methodCalls: [string, { ids?: string[] }, string][] };
  return methodCalls.reduce((sum, [method, { ids = [] }]) => sum + (method === "Blob/get" ? ids.length : 0), 0);
}
