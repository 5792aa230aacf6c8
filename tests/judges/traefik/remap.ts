import { join } from "node:path";
import { parse, stringify } from "yaml";

import type { HostFile } from "../../../infra/host/file";

/** Added to every port, so that no test needs root for those below 1024. */
const PORT_OFFSET = 20_000;
/** Nobody listens on the discard port (RFC 863) of loopback. */
const NOBODY = "127.0.0.1:9";

/** Who issues certificates in a test. */
export interface Issuer {
  /** URL. */
  readonly directory: string;
  /** `host:port` of the resolver that sees the challenge. */
  readonly resolver: string;
}

export const NO_ISSUER: Issuer = { directory: `https://${NOBODY}/directory`, resolver: NOBODY };

/** Where the test puts what the deployment has at fixed places. */
export interface Remap {
  /** First three parts of the deployment's addresses and of the loopback addresses that stand for them. */
  readonly from: string;
  readonly to: string;
  /** Stands for the container's root. */
  readonly folder: string;
  readonly issuer: Issuer;
}

/** Port of the test for a port of the deployment. */
export function portOf(port: number): number {
  return port + PORT_OFFSET;
}

/**
 * Traefik's files with loopback addresses, ports above 1024, the test's folders and the test's issuer; everything else as
 * rendered. Traefik then asks the resolver alone for the challenge and not the zone's own servers: those it would ask at
 * port 53.
 */
export function remapped(files: readonly HostFile[], remap: Remap): readonly HostFile[] {
  return files.map((file) => (file.path.endsWith(".yaml") ? { ...file, content: text(file.content, remap) } : file));
}

function text(content: string, { from, to, folder, issuer }: Remap): string {
  const placed = content
    .replaceAll(`${from}.`, `${to}.`)
    // The health check's, which is the container's own.
    .replaceAll("127.0.0.1:", `${to}.1:`)
    .replaceAll(
      /\b(127\.\d+\.\d+\.\d+):(\d+)/g,
      (_, address: string, port: string) => `${address}:${portOf(Number(port))}`,
    )
    .replaceAll(/: (\/etc\/traefik\/|\/acme\/)/g, (_, path: string) => `: ${join(folder, "/traefik", place(path))}/`);
  const configuration = parse(placed) as {
    certificatesResolvers?: { letsencrypt: { acme: { dnsChallenge: object } } };
  };
  if (configuration.certificatesResolvers === undefined) return placed;
  const { acme } = configuration.certificatesResolvers.letsencrypt;
  const dnsChallenge = {
    ...acme.dnsChallenge,
    resolvers: [issuer.resolver],
    propagation: { disableANSChecks: true, requireAllRNS: true },
  };
  const letsencrypt = { acme: { ...acme, caServer: issuer.directory, dnsChallenge } };
  return stringify({ ...configuration, certificatesResolvers: { letsencrypt } });
}

function place(path: string): string {
  return path === "/acme/" ? "acme" : "";
}
