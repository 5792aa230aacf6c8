import { FILES, type Deployment } from "../../../onhost/src/deployment";
import { renderPlan } from "../../../onhost/src/plan-line";
import { envFile } from "../../formats/env-file";
import type { Settings } from "../../settings/settings";
import type { HostFile } from "../file";
import { workerAddress } from "../layout";
import { ADMIN_ACCOUNT, RELAY_SECRET, SERVICE_ACCOUNT } from "./names";
import { reloadPlan, stalwartPlan } from "./plan";

/** The image's own choice too. `STALWART_FILES` of the compose file mount the data there. */
const DATA_FOLDER = "/var/lib/stalwart/";
const MEBIBYTE = 1024 * 1024;

/**
 * Stalwart's files on the host: configuration, plan, secrets. The recovery administrator's password and the Worker's keys
 * are not among them; the host makes those.
 */
export function stalwartFiles(settings: Settings): readonly HostFile[] {
  const { resend, stalwart } = settings;
  return [
    {
      path: FILES.config,
      content: json({
        "@type": "RocksDb",
        path: DATA_FOLDER,
        cacheSize: 128 * MEBIBYTE,
        bufferSize: 128 * MEBIBYTE,
      }),
      mode: "0644",
      why: "Where Stalwart's data lies; everything else is in the data, by the plan.",
      restarts: ["stalwart"],
    },
    {
      path: FILES.plan,
      content: renderPlan(stalwartPlan(settings)),
      mode: "0600",
      why: "What Stalwart shall be, for stalwart-cli; holds the DKIM private keys.",
      restarts: [],
    },
    {
      path: FILES.reload,
      content: renderPlan(reloadPlan()),
      mode: "0644",
      why: "Makes Stalwart follow the settings that the plan stored.",
      restarts: [],
    },
    {
      path: FILES.deployment,
      content: json(deployment(settings)),
      mode: "0644",
      why: "Names that the onhost program works with.",
      restarts: ["certificates", "zone"],
    },
    {
      path: FILES.resend,
      content: envFile({ [RELAY_SECRET]: resend.apiKey.reveal() }),
      mode: "0600",
      why: "The relay's password, an environment file of Stalwart.",
      restarts: ["stalwart"],
    },
    {
      path: FILES.adminPassword,
      content: stalwart.adminPassword.reveal(),
      mode: "0600",
      why: "The permanent administrator's password, for onhost.",
      restarts: [],
    },
    {
      path: FILES.accountPassword,
      content: stalwart.accountPassword.reveal(),
      mode: "0600",
      why: "The primary account's first password, for onhost.",
      restarts: [],
    },
  ];
}

function deployment({ domain, primaryAddress, hostnames, host }: Settings): Deployment {
  return {
    domain,
    admin: `${ADMIN_ACCOUNT}@${domain}`,
    primary: primaryAddress,
    service: `${SERVICE_ACCOUNT}@${domain}`,
    workerAddress: workerAddress(host.subnet),
    hostname: hostnames.server,
  };
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
