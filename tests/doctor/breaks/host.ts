import { chmodSync, renameSync } from "node:fs";

import { selfSigned } from "../../../onhost/src/self-signed";
import { issued } from "../../worker/certificate";
import type { Break } from "../break";
import { AGAIN, apps, broken, compose, content, DAY_MS, program } from "./machine";
import { DOMAIN } from "./public";

export const MACHINE: readonly Break[] = [
  broken(
    "host.ssh",
    "another machine answers",
    /^the host shows another key than the stack file's$/,
    (lab) => {
      const { host } = lab.patient.deployment.settings;
      const [type = "", base64 = ""] = host.key.split(" ");
      const key = Buffer.from(base64, "base64");
      key.writeUInt8(key.readUInt8(key.length - 1) ^ 1, key.length - 1);
      lab.instead = { host: { ...host, key: `${type} ${key.toString("base64")}` } };
      return () => (lab.instead = {});
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
    "host.docker",
    "docker 26.1 is asked without its group",
    /^docker does not answer$/,
    // It says so on standard error, and what `docker info` ends with depends on the version.
    program("docker", '[ "$1" != info ] || { echo; exit 0; }; echo "permission denied" >&2; echo; exit 1'),
  ),
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
  broken("host.services", "cloudflared is stopped", /^cloudflared is exited$/, async (lab) => {
    await compose("stop", "cloudflared")(lab);
    return () => compose("up", "--detach", "cloudflared")(lab);
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
    (lab) => {
      const file = apps(lab, "backup/mail-backup");
      renameSync(file, `${file}.before`);
      return () => renameSync(`${file}.before`, file);
    },
    { remedy: AGAIN },
  ),
  broken(
    "host.files",
    "one is left that is no longer shipped",
    /^coredns\/old\.conf is no longer shipped$/,
    content("mail-stack/installed", (text) => `${text}coredns/old.conf\n`),
    { remedy: AGAIN },
  ),
  broken(
    "host.files",
    "a secret that everybody reads",
    /^cloudflared\/token has mode 644$/,
    (lab) => {
      const file = apps(lab, "cloudflared/token");
      chmodSync(file, 0o644);
      return () => chmodSync(file, 0o600);
    },
    { remedy: AGAIN },
  ),
  broken(
    "host.arrivals",
    "its keys are gone",
    /^The service arrivals has no key\.$/,
    content("arrivals/keys/arrivals-1", () => "\n"),
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
    "no authority gave one yet",
    /^self-signed$/,
    content("stalwart/tls/fullchain.pem", () => selfSigned(`stalwart.${DOMAIN}`, new Date()).chain),
  ),
  broken(
    "host.certificate",
    "is another name's",
    /^for DNS:mail\.example\.com$/,
    content("stalwart/tls/fullchain.pem", () => certificate(80, "mail.example.com")),
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

const inDays = (days: number) => new Date(Date.now() + days * DAY_MS + DAY_MS / 2);

function certificate(days: number, name = `stalwart.${DOMAIN}`): string {
  return issued([name], inDays(-90), inDays(days)).cert;
}
