import { chmodSync, existsSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { Secret } from "../../infra/settings/secret";
import { selfSigned } from "../../onhost/src/self-signed";
import type { Inside } from "./inside";

/** One broken thing at home and the only check that says so. */
export interface HostBreak {
  readonly id: string;
  readonly what: string;
  readonly status: "error" | "warning";
  readonly current: RegExp;
  readonly remedy: RegExp;
  /** Breaks it; the answer undoes it. */
  readonly apply: (inside: Inside) => Undo | Promise<Undo>;
  /** When the doctor looks, in milliseconds from now. */
  readonly laterMs?: number;
}

type Undo = () => unknown;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of onhost/src/self-signed.ts. */
const VALID_DAYS = 825;
const HOST = /^On the host: /;
const AGAIN = /--replace '\*\*host-files'$/;

const apps = ({ outside, patient }: Inside, path: string) =>
  join(outside.host.folder, patient.deployment.settings.host.folder, path);

/** A program that comes first on the host's PATH. */
function program(name: string, text: string) {
  return ({ outside }: Inside): Undo => {
    const file = join(dirname(outside.host.folder), "bin", name);
    const before = existsSync(file) ? readFileSync(file) : undefined;
    writeFileSync(file, `#!/bin/bash\n${text}\n`);
    chmodSync(file, 0o755);
    return () => (before === undefined ? rmSync(file) : writeFileSync(file, before));
  };
}

function content(path: string, change: (text: string) => string) {
  return (inside: Inside): Undo => {
    const file = apps(inside, path);
    const before = readFileSync(file);
    writeFileSync(file, change(before.toString("utf8")));
    return () => writeFileSync(file, before);
  };
}

/** What the backup's own report says. */
function report(change: (jobs: Record<string, { success?: string; failure?: string; why?: string }>) => void) {
  return content("backup/state/status.json", (text) => {
    const jobs = JSON.parse(text) as Record<string, object>;
    change(jobs);
    return JSON.stringify(jobs);
  });
}

const ago = (ms: number) => new Date(Date.now() - ms).toISOString().replace(/\.\d+Z$/, "Z");

function compose(...args: readonly string[]) {
  return async ({ outside, patient }: Inside): Promise<void> => {
    const file = apps({ outside, patient } as Inside, "mail-stack/compose.yaml");
    const asked = { args: ["compose", "-f", file, ...args], cwd: outside.host.folder, environment: {}, stdin: "" };
    await outside.host.engine.docker(asked);
  };
}

/** One object of Stalwart's registry more. */
function registered(type: string, object: object) {
  return async (inside: Inside): Promise<Undo> => {
    let said = "";
    const set = async (args: object) => {
      const result = await inside.admin(`x:${type}/set`, args);
      said = JSON.stringify(result);
      return result["created"] as Record<string, { id: string }> | undefined;
    };
    const id = (await set({ create: { one: object } }))?.["one"]?.id;
    if (id === undefined) throw new Error(`Stalwart refuses the ${type}: ${said}`);
    return () => set({ destroy: [id] });
  };
}

function broken(
  id: string,
  what: string,
  current: RegExp,
  apply: HostBreak["apply"],
  more: Partial<HostBreak> = {},
): HostBreak {
  return { id, what, status: "error", current, remedy: HOST, apply, ...more };
}

const MACHINE: readonly HostBreak[] = [
  broken(
    "host.ssh",
    "another machine answers",
    /^the host shows another key than the stack file's$/,
    (inside) => {
      const { host } = inside.patient.deployment.settings;
      const [type = "", base64 = ""] = host.key.split(" ");
      const key = Buffer.from(base64, "base64");
      key.writeUInt8(key.readUInt8(key.length - 1) ^ 1, key.length - 1);
      inside.instead = { host: { ...host, key: `${type} ${key.toString("base64")}` } };
      return () => (inside.instead = {});
    },
    { remedy: /mail:hostKey of Pulumi\.prod\.yaml$/ },
  ),
  broken(
    "host.ssh",
    "the power fails",
    /onnection refused/,
    async ({ outside }) => {
      await outside.host.ssh.pause();
      return () => outside.host.ssh.resume();
    },
    { remedy: /^Try it: ssh -p/ },
  ),
  broken("host.docker", "docker is down", /^docker does not answer$/, program("docker", "exit 1")),
  broken(
    "host.images",
    "somebody pulled another one",
    /^traefik traefik:latest$/,
    ({ outside }) => {
      const service = outside.host.engine.service("traefik");
      const { image } = service;
      Object.assign(service, { image: "traefik:latest" });
      return () => Object.assign(service, { image });
    },
    { remedy: AGAIN },
  ),
  broken("host.services", "cloudflared is stopped", /^cloudflared is exited$/, async (inside) => {
    await compose("stop", "cloudflared")(inside);
    return () => compose("up", "--detach", "cloudflared")(inside);
  }),
  broken(
    "host.files",
    "somebody edited one",
    /^stalwart\/config\.json differs$/,
    content("stalwart/config.json", (text) => `${text} `),
    {
      remedy: AGAIN,
    },
  ),
  broken(
    "host.files",
    "one is gone",
    /^backup\/mail-backup is missing$/,
    (inside) => {
      const file = apps(inside, "backup/mail-backup");
      renameSync(file, `${file}.before`);
      return () => renameSync(`${file}.before`, file);
    },
    { remedy: AGAIN },
  ),
  broken(
    "host.files",
    "a secret that everybody reads",
    /^cloudflared\/token has mode 644$/,
    (inside) => {
      const file = apps(inside, "cloudflared/token");
      chmodSync(file, 0o644);
      return () => chmodSync(file, 0o600);
    },
    { remedy: AGAIN },
  ),
  broken(
    "host.disk",
    "it is full",
    /^0\.1 GiB of /,
    program("df", 'echo " Avail 1B-blocks"; echo "107374182 107374182400"'),
  ),
  broken(
    "host.disk",
    "it fills up",
    /^4\.0 GiB of /,
    program("df", 'echo " Avail 1B-blocks"; echo "4294967296 107374182400"'),
    {
      status: "warning",
    },
  ),
  broken("host.clock", "a minute behind", /^(59|60|61) s behind/, program("date", "echo $((EPOCHSECONDS - 60))"), {
    status: "warning",
  }),
  broken("host.clock", "an hour ahead", /^3(599|600|601) s ahead/, program("date", "echo $((EPOCHSECONDS + 3600))")),
  broken(
    "host.certificate",
    "ends in ten days",
    /^(9|10) days left$/,
    content("stalwart/tls/fullchain.pem", () => certificate(10)),
    {
      status: "warning",
    },
  ),
  broken(
    "host.certificate",
    "has ended",
    /^ended on /,
    content("stalwart/tls/fullchain.pem", () => certificate(-2)),
  ),
  broken("host.linger", "lingering is off", /^no$/, program("loginctl", "echo no"), { remedy: /enable-linger mail$/ }),
  broken("host.timers", "none runs", /^not active: mail-backup-drill\.timer, /, program("systemctl", "echo inactive")),
];

const STALWART: readonly HostBreak[] = [
  broken(
    "stalwart.login",
    "another password",
    /^HTTP 401$/,
    (inside) => {
      const { stalwart } = inside.patient.deployment.settings;
      inside.instead = { stalwart: { ...stalwart, adminPassword: new Secret("another-password-7") } };
      return () => (inside.instead = {});
    },
    { remedy: /rotate -- admin-password prod$/ },
  ),
  broken(
    "stalwart.applied",
    "an installation was cut",
    /^0123456789ab$/,
    content("stalwart/applied", () => "0123456789abcdef\n"),
    {
      remedy: AGAIN,
    },
  ),
  broken(
    "stalwart.plan",
    "somebody clicked",
    /x:|Listener|Route|AllowedIp|192\.0\.2\.9/,
    registered("AllowedIp", { address: "192.0.2.9" }),
    {
      remedy: AGAIN,
    },
  ),
  broken(
    "stalwart.queue",
    "a message of two hours",
    /^1 waits, the oldest for 120 min$/,
    registered("QueuedMessage", { returnPath: "me@augustin.ai" }),
    {
      status: "warning",
      remedy: /rotate -- resend-key prod$/,
      laterMs: 2 * HOUR_MS,
    },
  ),
  broken(
    "stalwart.bans",
    "the proxy is banned",
    /^172\.30\.25\.138$/,
    registered("BlockedIp", { address: "172.30.25.138" }),
    {
      remedy: /Blocked IPs/,
    },
  ),
];

const BACKUP: readonly HostBreak[] = [
  broken(
    "backup.backup",
    "it failed",
    /^failed: the bucket is gone$/,
    report((jobs) => {
      jobs["backup"] = { ...jobs["backup"], failure: ago(0), why: "the bucket is gone" };
    }),
    { remedy: /mail-backup backup$/ },
  ),
  broken(
    "backup.backup",
    "none for four days",
    /^96 h ago$/,
    report((jobs) => {
      jobs["backup"] = { success: ago(4 * DAY_MS) };
    }),
    { remedy: /mail-backup backup$/ },
  ),
  broken(
    "backup.check",
    "none for two weeks",
    /^336 h ago$/,
    report((jobs) => {
      jobs["check"] = { success: ago(14 * DAY_MS) };
    }),
    { status: "warning", remedy: /mail-backup check$/ },
  ),
  broken(
    "backup.drill",
    "never tried",
    /^never$/,
    report((jobs) => {
      delete jobs["drill"];
    }),
    { status: "warning", remedy: /mail-backup drill$/ },
  ),
  broken(
    "backup.export",
    "two days ago",
    /^48 h ago$/,
    report((jobs) => {
      jobs["export"] = { success: ago(2 * DAY_MS) };
    }),
    { status: "warning", remedy: /mail-backup export$/ },
  ),
  broken(
    "backup.manifest",
    "of last week",
    /^168 h ago$/,
    (inside) => {
      const file = apps(inside, "stalwart/data/export/manifest.json");
      const set = (ms: number) => utimesSync(file, new Date(ms), new Date(ms));
      set(Date.now() - 7 * DAY_MS);
      return () => set(Date.now());
    },
    { remedy: /mail-backup export$/ },
  ),
];

function certificate(days: number): string {
  return selfSigned("stalwart.augustin.ai", new Date(Date.now() - (VALID_DAYS - days) * DAY_MS + DAY_MS / 2)).chain;
}

export const HOST_BREAKS: readonly HostBreak[] = [...MACHINE, ...STALWART, ...BACKUP];
