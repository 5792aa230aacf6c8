import { join } from "node:path";
import { parse, stringify } from "yaml";

import type { HostFile } from "../../../infra/host/file";

/** Added to every port, so that no test needs root for those below 1024. */
const PORT_OFFSET = 20_000;
/** Nobody listens on the discard port (RFC 863) of loopback: a certificate authority and resolvers that do not answer. */
const NOBODY = "127.0.0.1:9";

/** Where the test puts what the deployment has at fixed places. */
export interface Remap {
  /** First three parts of the deployment's addresses and of the loopback addresses that stand for them. */
  readonly from: string;
  readonly to: string;
  /** Stands for the container's root. */
  readonly folder: string;
}

/** Port of the test for a port of the deployment. */
export function portOf(port: number): number {
  return port + PORT_OFFSET;
}

/**
 * Traefik's files with loopback addresses, ports above 1024 and the test's folders, and with nobody to get a certificate
 * from; everything else as rendered.
 */
export function remapped(files: readonly HostFile[], remap: Remap): readonly HostFile[] {
  return files.map((file) => (file.path.endsWith(".yaml") ? { ...file, content: text(file.content, remap) } : file));
}

function text(content: string, { from, to, folder }: Remap): string {
  const placed = content
    .replaceAll(`${from}.`, `${to}.`)
    .replaceAll(
      /\b(127\.\d+\.\d+\.\d+):(\d+)/g,
      (_, address: string, port: string) => `${address}:${portOf(Number(port))}`,
    )
    .replaceAll(/: (\/etc\/traefik\/|\/acme\/)/g, (_, path: string) => `: ${join(folder, "/traefik", place(path))}/`)
    .replaceAll(/\b1\.\d\.\d\.1:53\b/g, NOBODY);
  const configuration = parse(placed) as { certificatesResolvers?: { letsencrypt: { acme: object } } };
  const { certificatesResolvers } = configuration;
  if (certificatesResolvers === undefined) return placed;
  const acme = { ...certificatesResolvers.letsencrypt.acme, caServer: `https://${NOBODY}/directory` };
  return stringify({ ...configuration, certificatesResolvers: { letsencrypt: { acme } } });
}

function place(path: string): string {
  return path === "/acme/" ? "acme" : "";
}
