import type { PlanLine } from "../../../onhost/src/plan-line";
import type { Settings } from "../../settings/settings";
import { listOf, setOf, upsert } from "./line";
import { ADMIN_ACCOUNT, SERVICE_ACCOUNT, WORKER_PERMISSIONS, WORKER_ROLE } from "./names";

/** The accounts, without credentials: `onhost passwords` and `onhost key` see to those. */
export function accountLines({ primaryAddress, aliases }: Settings): readonly PlanLine[] {
  const key = ["name", "domainId"];
  const common = { "@type": "User", domainId: "#domain", permissions: { "@type": "Inherit" } };
  return [
    upsert("Role", ["description"], {
      worker: { description: WORKER_ROLE, enabledPermissions: setOf(WORKER_PERMISSIONS), disabledPermissions: {} },
    }),
    upsert("Account", key, {
      service: {
        ...common,
        name: SERVICE_ACCOUNT,
        description: "Cloudflare Email Worker; has API keys only",
        roles: { "@type": "Custom", roleIds: { "#worker": true } },
        aliases: {},
      },
      admin: {
        ...common,
        name: ADMIN_ACCOUNT,
        description: "Administrator",
        roles: { "@type": "Admin" },
        aliases: {},
      },
      // Name and quota are its owner's.
      primary: {
        ...common,
        name: localPart(primaryAddress),
        roles: { "@type": "User" },
        aliases: listOf(aliases.map((address) => ({ name: localPart(address), domainId: "#domain", enabled: true }))),
      },
    }),
  ];
}

function localPart(address: string): string {
  return address.slice(0, address.lastIndexOf("@"));
}
