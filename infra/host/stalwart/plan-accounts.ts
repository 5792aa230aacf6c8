import type { PlanLine } from "../../../onhost/src/plan-line";
import type { Settings } from "../../settings/settings";
import { listOf, setOf, upsert } from "./line";
import { ADMIN_ACCOUNT, SERVICE_ACCOUNT, WORKER_PERMISSIONS, WORKER_ROLE } from "./names";

/**
 * The accounts, without credentials: `onhost passwords` and `onhost key` see to those. Throws when the primary account
 * would have the address of one that the deployment makes for itself.
 */
export function accountLines({ domain, primaryAddress, aliases }: Settings): readonly PlanLine[] {
  for (const address of [primaryAddress, ...aliases]) refuseReserved(address, domain);
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

function refuseReserved(address: string, domain: string): void {
  if (![ADMIN_ACCOUNT, SERVICE_ACCOUNT].includes(localPart(address))) return;
  throw new Error(
    `${address} cannot be an address of the primary account: Stalwart's ${localPart(address)}@${domain} is an account of its own. ` +
      "Choose another one for mail:primaryAddress or mail:aliases.",
  );
}

function localPart(address: string): string {
  return address.slice(0, address.lastIndexOf("@"));
}
