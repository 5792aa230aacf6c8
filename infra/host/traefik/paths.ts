/** Where Traefik's files lie: in the apps folder, and what they are inside its container. */
export const ON_HOST = {
  static: "traefik/traefik.yaml",
  dynamic: "traefik/dynamic",
  plugins: "traefik/plugins-local",
  acme: "traefik/acme",
  secrets: "traefik/secrets",
} as const;

export const IN_CONTAINER = {
  /** Traefik finds it there by itself, its health check too. */
  static: "/etc/traefik/traefik.yaml",
  /** A folder, not a file: a file that is replaced stays the old one inside the container. */
  dynamic: "/etc/traefik/dynamic",
  /** `./plugins-local` in Traefik's source; the working folder is `/`. */
  plugins: "/plugins-local",
  acmeFolder: "/acme",
  acme: "/acme/acme.json",
  secrets: "/run/secrets",
  dnsToken: "/run/secrets/cloudflare-dns-token",
} as const;
