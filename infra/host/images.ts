/**
 * The container images, each in one literal `repository:tag@sha256:digest`, so that a dependency bot finds and raises them
 * here and nowhere else. Each digest was found in public configurations, two for all but Stalwart's; none was pulled here.
 */

/** An image as the engine pulls it. */
export interface Image {
  readonly repository: string;
  readonly tag: string;
  /** `sha256:` and 64 hexadecimal digits of the manifest list. */
  readonly digest: string;
  readonly why: string;
}

const REFERENCE = /^([a-z0-9]+(?:[._/-][a-z0-9]+)*):([A-Za-z0-9_][A-Za-z0-9._-]*)@(sha256:[0-9a-f]{64})$/;

export const IMAGES = {
  stalwart: image(
    "stalwartlabs/stalwart:v0.16.18@sha256:9ed1d343243b7aa72969e372a7240b7ddea07730781d4b68a0dc3d8d51c418bb",
    "The mail server, in the version that the plan was tried against. One public source names this digest.",
  ),
  "stalwart-cli": image(
    "stalwartlabs/cli:1.0.12@sha256:fe199affac1d120a8c200ef39ae629765a2976270e0453575c1caf906ee15b52",
    "Applies the plan: the oldest version that knows all operations of it, and the newest whose digest is proven.",
  ),
  traefik: image(
    "traefik:v3.7.13@sha256:24841fe2de7304c149343d877d2923b4c8800a38ba015dea9174c23b20e344a0",
    "The reverse proxy. The tests start 3.6.0, built from its Go module; nothing here is newer than that (decision 007).",
  ),
  cloudflared: image(
    "cloudflare/cloudflared:2026.8.2@sha256:0aa26e284f05e6c77ae375b8c9c11d9eb6a448fb7bcd8d40f31cb6176189eb38",
    "The tunnel's inner end; its flags were read in the source of this version.",
  ),
  restic: image(
    "restic/restic:0.18.1@sha256:39d9072fb5651c80d75c7a811612eb60b4c06b32ffe87c2e9f3c7222e1797e76",
    "The backups; the tests run the same version, built from its Go module.",
  ),
  tailscale: image(
    "tailscale/tailscale:v1.102.4@sha256:2667499ed87ae29218f292556ba062918402dd5e92e93637af14867e4df12dd3",
    "The host's way into the tailnet. The tests start 1.96.0, built from its Go module, with nothing that is newer.",
  ),
  coredns: image(
    "coredns/coredns:1.14.7@sha256:7efd3c635b03efd68c4e8398fc45f0d993d0e9ab016f72c1cefb0fd6d01aa286",
    "Resolves the server's name on the tailnet. The tests start 1.12.4, built from its Go module.",
  ),
  node: image(
    "node:24.21.0-alpine3.24@sha256:ebfe2f90462722a7a4de65e91990e97fe0d401c70e0e762c5b53302f905ec1c1",
    "Runs onhost.cjs; the version that the tests run under.",
  ),
} as const;

/** The version of Stalwart that image, plan and schema belong to, like 0.16.18. */
export const STALWART_VERSION = IMAGES.stalwart.tag.replace(/^v/, "");

export type ImageName = keyof typeof IMAGES;

/** `repository:tag@digest`. */
export function imageReference({ repository, tag, digest }: Image): string {
  return `${repository}:${tag}@${digest}`;
}

/** @throws for a literal that is no reference, or whose tag moves. */
export function image(reference: string, why: string): Image {
  const [, repository, tag, digest] = REFERENCE.exec(reference) ?? [];
  if (repository === undefined || tag === undefined || digest === undefined)
    throw new Error(`${reference} is no image reference with a tag and a digest`);
  if (!/\d/.test(tag)) throw new Error(`${reference}: the tag names no version, so it moves. Write one with a number`);
  return { repository, tag, digest, why };
}
