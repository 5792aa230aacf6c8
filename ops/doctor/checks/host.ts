import { X509Certificate } from "node:crypto";

import { composeProject } from "../../../infra/host/compose";
import { isProps, textOf } from "../../adopt/props";
import { type Check, error, type Finding, ok, warning } from "../check";
import { type HostDeployment, Unreachable } from "../context";
import { type Facts, factsOf, timersOf, wantedFiles } from "../inside/facts";
import { list } from "./ask";

export const HOST_SSH = "host.ssh";
export const HOST_SERVICES = "host.services";
const SSH_BUDGET_MS = 7_000;
const CLOCK_WARNING_SECONDS = 10;
/** From here on logins by one-time codes and signed requests to S3 fail. */
const CLOCK_ERROR_SECONDS = 300;
const GIBIBYTE = 1024 ** 3;
const DISK_WARNING = { part: 0.15, bytes: 5 * GIBIBYTE };
const DISK_ERROR_BYTES = GIBIBYTE;
/** Traefik renews a certificate 30 days before its end. */
const CERTIFICATE_DAYS = 20;
const DAY_MS = 86_400_000;
/** As the host's scripts ask for it. */
const COMPOSE = { major: 2, minor: 24 };
const SHOWN = 3;

/** The usual shape of a check that reads the host's facts. */
export function hostCheck(
  check: Omit<Check, "credentials" | "area" | "run" | "needs"> & {
    readonly area?: Check["area"];
    readonly needs?: readonly string[];
    readonly secrets?: true;
    readonly finding: (facts: Facts, now: Date) => Finding;
  },
): Check {
  const { finding, secrets, needs = [HOST_SSH], ...rest } = check;
  return {
    area: "host",
    needs,
    credentials: secrets ? ["ssh", "secrets"] : ["ssh"],
    budgetMs: SSH_BUDGET_MS,
    ...rest,
    run: async (context) => finding(await factsOf(context), context.now),
  };
}

/** The machine at home, by one question over SSH. */
export function hostChecks({ settings, stack }: HostDeployment): readonly Check[] {
  const { address, port, user, folder } = settings.host;
  const up = `pulumi up --stack ${stack}`;
  const again = `pulumi up --stack ${stack} --replace '**host-files'`;
  const compose = `docker compose -f ${folder}/mail-stack/compose.yaml`;
  const services = Object.entries(composeProject(settings, []).services).filter(
    ([, { profiles }]) => profiles === undefined,
  );
  return [
    {
      id: HOST_SSH,
      area: "host",
      title: "The host answers by SSH with its known key",
      why: "pulumi installs everything there that way; another key may be another machine.",
      needs: [],
      credentials: ["ssh"],
      budgetMs: SSH_BUDGET_MS,
      run: async (context) => {
        try {
          await factsOf(context);
          return ok(`${user}@${address}:${port}`);
        } catch (thrown) {
          if (!(thrown instanceof Unreachable)) throw thrown;
          return error(
            thrown.message,
            `${user}@${address}:${port}`,
            `Try it: ssh -p ${port} ${user}@${address}; the key is mail:hostKey of Pulumi.${stack}.yaml`,
          );
        }
      },
    },
    hostCheck({
      id: "host.docker",
      title: "docker and its compose plugin are there",
      why: "All services run in its containers.",
      finding: ({ one }) => {
        const expected = `docker, with compose ${COMPOSE.major}.${COMPOSE.minor} or newer`;
        const remedy = "On the host: sudo systemctl start docker; sudo apt-get install docker-compose-plugin";
        if (one("docker") === "") return error("docker does not answer", expected, remedy);
        const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(one("compose")) ?? [];
        const current = `docker ${one("docker")}, compose ${one("compose") || "missing"}`;
        const isNew =
          Number(major) > COMPOSE.major || (Number(major) === COMPOSE.major && Number(minor) >= COMPOSE.minor);
        return isNew ? ok(current, expected) : error(current, expected, remedy);
      },
    }),
    hostCheck({
      id: HOST_SERVICES,
      title: "All services are healthy",
      why: "Each of them is on the way of every message or client.",
      needs: ["host.docker"],
      finding: (facts) => {
        const containers = containersOf(facts);
        const bad = services.flatMap(([name]) => {
          const found = containers.get(name);
          if (!found) return [`${name} is missing`];
          if (found.state !== "running") return [`${name} is ${found.state}`];
          return found.health === "" || found.health === "healthy" ? [] : [`${name} is ${found.health}`];
        });
        const expected = `${services.length} healthy`;
        if (bad.length === 0) return ok(expected);
        return error(bad.join(", "), expected, `On the host: ${compose} up --detach --wait; ${compose} logs --tail 50`);
      },
    }),
    hostCheck({
      id: "host.images",
      title: "The services run the pinned images",
      why: "Another version is one that nobody has tested with this program.",
      needs: [HOST_SERVICES],
      finding: (facts) => {
        const containers = containersOf(facts);
        const other = services.flatMap(([name, { image }]) => {
          const found = containers.get(name)?.image ?? "none";
          return found === image ? [] : [{ found: `${name} ${found}`, wanted: `${name} ${image}` }];
        });
        if (other.length === 0) return ok(`${services.length} as pinned`);
        return error(other.map(({ found }) => found).join(", "), other.map(({ wanted }) => wanted).join(", "), again);
      },
    }),
    hostCheck({
      id: "host.files",
      title: "The files are those of this checkout",
      why: "What somebody changed on the host is gone with the next installation, or works against it.",
      secrets: true,
      finding: ({ one, all }) => {
        const wanted = wantedFiles(settings);
        const differing = wanted.flatMap(({ path, mode, sha256 }) => {
          const [foundMode, foundSum] = one(`file ${path}`).split(" ");
          if (foundSum === undefined) return [`${path} is missing`];
          if (sha256 !== undefined && sha256 !== foundSum) return [`${path} differs`];
          return foundMode === mode ? [] : [`${path} has mode ${foundMode ?? ""}`];
        });
        const known = new Set(wanted.map(({ path }) => path));
        const surplus = all("installed").filter((path) => !known.has(path));
        const bad = [...differing, ...surplus.map((path) => `${path} is no longer shipped`)];
        const expected = `${wanted.length} files as shipped`;
        if (bad.length === 0) return ok(expected);
        const more = bad.length > SHOWN ? ` and ${bad.length - SHOWN} more` : "";
        return error(`${bad.slice(0, SHOWN).join(", ")}${more}`, expected, `${up}; if that changes nothing: ${again}`);
      },
    }),
    hostCheck({
      id: "host.arrivals",
      title: "Home can say whether a message has arrived",
      why: "Without it a message whose delivery was not confirmed may come twice.",
      needs: [HOST_SERVICES],
      finding: ({ one }) =>
        one("arrivals") === "answers"
          ? ok("answers")
          : error(
              one("arrivals") || "nobody was asked",
              "answers",
              `On the host: ${compose} logs --tail 50 arrivals stalwart`,
            ),
    }),
    hostCheck({
      id: "host.disk",
      title: "The disk has room",
      why: "On a full disk Stalwart takes no mail, and its store can be damaged.",
      finding: ({ one }) => {
        const [free = 0, size = 0] = one("disk").trim().split(/\s+/).map(Number);
        const current = `${(free / GIBIBYTE).toFixed(1)} GiB of ${(size / GIBIBYTE).toFixed(1)} GiB free`;
        const expected = `${DISK_WARNING.bytes / GIBIBYTE} GiB or ${DISK_WARNING.part * 100} % free`;
        const remedy = `On the host: docker image prune; du -xh --max-depth 2 ${folder} | sort -h | tail`;
        if (free < DISK_ERROR_BYTES) return error(current, expected, remedy);
        return free < DISK_WARNING.bytes && free < size * DISK_WARNING.part
          ? warning(current, expected, remedy)
          : ok(current, expected);
      },
    }),
    hostCheck({
      id: "host.clock",
      title: "The host's clock is right",
      why: "With a wrong one certificates, one-time codes and the backup's requests are refused.",
      finding: ({ clockAheadSeconds }) => {
        const seconds = Math.abs(Math.round(clockAheadSeconds));
        const current = `${seconds} s ${clockAheadSeconds < 0 ? "behind" : "ahead of"} this machine`;
        const expected = `within ${CLOCK_WARNING_SECONDS} s`;
        const remedy = "On the host: sudo timedatectl set-ntp true; or mend the clock of this machine";
        if (seconds >= CLOCK_ERROR_SECONDS) return error(current, expected, remedy);
        return seconds >= CLOCK_WARNING_SECONDS ? warning(current, expected, remedy) : ok(current, expected);
      },
    }),
    hostCheck({
      id: "host.certificate",
      title: `The certificate of IMAP is valid`,
      why: "Clients on the tailnet refuse any other.",
      finding: ({ one }, now) =>
        certificateFinding(
          one("certificate"),
          settings.hostnames.clients,
          now,
          `On the host: ${compose} logs --tail 50 traefik certificates`,
        ),
    }),
    ...(timersOf(settings).length === 0
      ? []
      : [
          hostCheck({
            id: "host.linger",
            title: "Timers run while nobody is logged in",
            why: "Without lingering systemd ends them with the last login, and there are no backups.",
            finding: ({ one }) =>
              one("linger") === "yes"
                ? ok("yes")
                : error(one("linger") || "unknown", "yes", `On the host: sudo loginctl enable-linger ${user}`),
          }),
          hostCheck({
            id: "host.timers",
            title: "The timers are active",
            why: "They start export, backup and drill.",
            needs: ["host.linger"],
            finding: ({ one }) => {
              const idle = timersOf(settings).filter((name) => one(`timer ${name}`) !== "active");
              if (idle.length === 0) return ok(list(timersOf(settings)));
              return error(
                `not active: ${list(idle)}`,
                list(timersOf(settings)),
                `On the host: systemctl --user enable --now ${idle.join(" ")}`,
              );
            },
          }),
        ]),
  ];
}

interface ContainerState {
  readonly state: string;
  /** Empty: without a health check. */
  readonly health: string;
  readonly image: string;
}

/** `docker compose ps --format json` prints an object a line; older ones one list. */
function containersOf({ all }: Facts): ReadonlyMap<string, ContainerState> {
  const rows = all("container").flatMap((line): unknown[] => {
    try {
      return [JSON.parse(line)].flat();
    } catch {
      return [];
    }
  });
  return new Map(
    rows
      .filter(isProps)
      .map((row) => [
        textOf(row["Service"]),
        { state: textOf(row["State"]), health: textOf(row["Health"]), image: textOf(row["Image"]) },
      ]),
  );
}

function certificateFinding(base64: string, hostname: string, now: Date, remedy: string): Finding {
  const expected = `of an authority, for ${hostname}, ${CERTIFICATE_DAYS} days left`;
  if (base64 === "") return error("none", expected, remedy);
  const certificate = new X509Certificate(Buffer.from(base64, "base64"));
  if (certificate.checkHost(hostname) === undefined)
    return error(`for ${certificate.subjectAltName ?? "no name"}`, expected, remedy);
  // The host makes one of its own so that Stalwart starts before there is a real one.
  if (certificate.issuer === certificate.subject) return error("self-signed", expected, remedy);
  const days = Math.floor((Date.parse(certificate.validTo) - now.getTime()) / DAY_MS);
  if (days < 0) return error(`ended on ${new Date(certificate.validTo).toISOString().slice(0, 10)}`, expected, remedy);
  const current = `${days} days left`;
  return days < CERTIFICATE_DAYS ? warning(current, expected, remedy) : ok(current, expected);
}
