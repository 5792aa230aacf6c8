/**
 * The container images, each in one literal `repository:tag@sha256:digest`, so that a dependency bot finds and raises them
 * here and nowhere else. A tag without a digest was not proven when it was written: it says so by its type, and a test
 * lists them.
 */

/** An image as the engine pulls it. */
export interface Image {
  readonly repository: string;
  readonly tag: string;
  /** `sha256:` and 64 hexadecimal digits of the manifest list; undefined: not proven, the engine trusts the tag. */
  readonly digest: string | undefined;
  readonly why: string;
}

const REFERENCE = /^([a-z0-9]+(?:[._/-][a-z0-9]+)*):([A-Za-z0-9_][A-Za-z0-9._-]*)(?:@(sha256:[0-9a-f]{64}))?$/;

export const IMAGES = {
  stalwart: image("stalwartlabs/stalwart:v0.16.18", "The mail server; the plan was tried against this version."),
  "stalwart-cli": image("stalwartlabs/cli:v1.0.13", "Applies the plan; the version that the plan was tried with."),
  traefik: image("traefik:v3.6.0", "The reverse proxy; the tests start the same version, built from its Go module."),
  cloudflared: image("cloudflare/cloudflared:2026.8.2", "The tunnel's inner end."),
  node: image("node:24.21.0-bookworm-slim", "Runs onhost.mjs; the major version that the tests run under."),
} as const;

export type ImageName = keyof typeof IMAGES;

/** `repository:tag@digest`, or without the digest when there is none. */
export function imageReference({ repository, tag, digest }: Image): string {
  return `${repository}:${tag}${digest === undefined ? "" : `@${digest}`}`;
}

/** @throws for a literal that is no reference, or whose tag moves. */
export function image(reference: string, why: string): Image {
  const [, repository, tag, digest] = REFERENCE.exec(reference) ?? [];
  if (repository === undefined || tag === undefined) throw new Error(`${reference} is no image reference with a tag`);
  if (!/\d/.test(tag)) throw new Error(`${reference}: the tag names no version, so it moves. Write one with a number`);
  return { repository, tag, digest, why };
}
