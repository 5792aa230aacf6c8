import { createHash } from "node:crypto";

import type { HostFile } from "../../../infra/host/file";
import type { ServiceName } from "../../../infra/host/layout";
import { pack } from "../../../infra/host/ship/pack";
import { installScript } from "../../../infra/host/ship/script";

/** What the host must never show. */
export const SECRETS = {
  relay: "re_8dQkZ1relayKey5pXw",
  tunnel: "eyJhIjoidHVubmVsVG9rZW4ifQ0123456789",
  /** Not only the first bytes, which every RSA key has: others on this machine run programs too. */
  plan: "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCq7vJd0planKeyW",
  /** What a shell could take for something else. */
  odd: `odd'$(id)"\\x/private+Key=`,
} as const;

/** A small deployment with everything that the scripts know of: services with files and variables, tools, a plan. */
export function deployment(changes: Readonly<Record<string, string | undefined>> = {}): readonly HostFile[] {
  const contents: Record<string, string | undefined> = {
    "stalwart/config.json": '{"@type":"RocksDb"}\n',
    "stalwart/plan/plan.ndjson": `{"object":"NetworkListener","value":"imaps"}\n{"object":"DkimSignature","value":${JSON.stringify(SECRETS.plan)}}\n`,
    "stalwart/plan/reload.ndjson": '{"object":"Action"}\n',
    "stalwart/secrets/relay.env": `RESEND_API_KEY=${SECRETS.relay}\n`,
    "cloudflared/tunnel.env": `TUNNEL_TOKEN=${SECRETS.tunnel}\n`,
    "traefik/traefik.yaml": "entryPoints: {}\n",
    "traefik/dynamic/mail.yaml": "tcp: {}\n",
    "onhost/onhost.cjs": "#!/usr/bin/env node\n",
    ...changes,
  };
  const files = Object.entries(contents).flatMap(([path, content]) =>
    content === undefined
      ? []
      : [{ path, content, mode: modeOf(path), why: "for the test", restarts: restartsOf(path) }],
  );
  return [...files, compose(files)];
}

function modeOf(path: string): HostFile["mode"] {
  if (path === "onhost/onhost.cjs") return "0755";
  return path.endsWith(".env") || /^stalwart\/(plan|secrets)\//.test(path) ? "0600" : "0644";
}

function restartsOf(path: string): readonly ServiceName[] {
  if (path === "stalwart/config.json") return ["stalwart"];
  return path === "traefik/traefik.yaml" ? ["traefik"] : [];
}

function compose(files: readonly HostFile[]): HostFile {
  const label = (service: ServiceName) => {
    const hash = createHash("sha256");
    for (const { restarts, content } of files) if (restarts.includes(service)) hash.update(content);
    return `    labels: { mail-stack.files: "${hash.digest("hex")}" }`;
  };
  const content = [
    "name: mail-stack",
    "services:",
    ...["  stalwart:", "    image: stalwart:v1", "    user: ${MAIL_UID:?}:${MAIL_GID:?}"],
    ...["    env_file: [../stalwart/secrets/recovery-admin.env, ../stalwart/secrets/relay.env]", label("stalwart")],
    ...["  traefik:", "    image: traefik:v1", label("traefik")],
    ...[
      "  cloudflared:",
      "    image: cloudflared:v1",
      "    env_file: [../cloudflared/tunnel.env]",
      label("cloudflared"),
    ],
    ...["  onhost:", "    image: node:v1", "    profiles: [tools]"],
    ...["  stalwart-cli:", "    image: cli:v1", "    profiles: [tools]"],
    ...["    env_file: [../stalwart/secrets/stalwart-cli.env]", ""],
  ].join("\n");
  return { path: "mail-stack/compose.yaml", content, mode: "0644", why: "for the test", restarts: [] };
}

/** The script that installs this deployment. */
export function install(
  changes: Readonly<Record<string, string | undefined>> = {},
  stalwartVersion = "0.16.18",
): string {
  return scriptOf(deployment(changes), stalwartVersion);
}

export function scriptOf(files: readonly HostFile[], stalwartVersion = "0.16.18"): string {
  return installScript(pack(files), { folder: "apps", stalwartVersion, secrets: Object.values(SECRETS) });
}
