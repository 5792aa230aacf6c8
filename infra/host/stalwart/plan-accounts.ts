import type { PlanLine } from "../../../onhost/src/plan-line";
import { localPartOf } from "../../settings/mailbox";
import type { DomainSettings, Settings } from "../../settings/settings";
import { listOf, setOf, upsert } from "./line";
import { ADMIN_ACCOUNT, SERVICE_ACCOUNT, WORKER_PERMISSIONS, WORKER_ROLE } from "./names";

const MATCH = ["name", "domainId"];
const COMMON = { "@type": "User", domainId: "#domain", permissions: { "@type": "Inherit" } };

/** The accounts, without credentials: `onhost passwords` and `onhost key` see to those. */
export function accountLines(settings: Settings): readonly PlanLine[] {
  return [
    upsert("Role", ["description"], {
      worker: { description: WORKER_ROLE, enabledPermissions: setOf(WORKER_PERMISSIONS), disabledPermissions: {} },
    }),
    upsert("Account", MATCH, {
      service: {
        ...COMMON,
        name: SERVICE_ACCOUNT,
        description: "Cloudflare Email Worker; has API keys only",
        roles: { "@type": "Custom", roleIds: { "#worker": true } },
        aliases: {},
      },
      admin: {
        ...COMMON,
        name: ADMIN_ACCOUNT,
        description: "Administrator",
        roles: { "@type": "Admin" },
        aliases: {},
      },
    }),
    primaryLine(settings),
  ];
}

/** The account that mail of the domain goes to. Name and quota are its owner's. */
export function primaryLine({ primaryAddress, aliases }: DomainSettings): PlanLine {
  return upsert("Account", MATCH, {
    primary: {
      ...COMMON,
      name: localPartOf(primaryAddress),
      roles: { "@type": "User" },
      aliases: listOf(aliases.map((address) => ({ name: localPartOf(address), domainId: "#domain", enabled: true }))),
    },
  });
}
