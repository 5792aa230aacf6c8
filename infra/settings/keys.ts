/**
 * Every configuration key of the project, once. `Pulumi.yaml`, `docs/reference.md`, the settings parser and its
 * spelling help are made from this table; nothing else names a key's type, default or secrecy.
 */
import { BACKUP_KEYS } from "./backup-keys";
import type { ConfigKey } from "./config-key";
import { DOMAIN_KEYS } from "./domain-keys";
import { HOST_KEYS } from "./host-keys";

export type { ConfigKey } from "./config-key";

export const PROJECT = "mail";

/** In the order in which problems and the reference name them. */
export const KEYS = {
  ...DOMAIN_KEYS,
  ...BACKUP_KEYS,
  ...HOST_KEYS,
  protect: {
    type: "boolean",
    description: "Protects the tunnel, DKIM records, DNSSEC and Email Routing from deletion; `false` for test stacks.",
    default: true,
    example: "true",
  },
} as const satisfies Record<string, ConfigKey>;

export type KeyName = keyof typeof KEYS;
