import {
  type Account,
  ADMIN_ACCOUNT,
  type Caller,
  type Directory,
  type RecoveryAdmin,
  WRONG_PLACE,
  type WrongPlace,
} from "../accounts";
import { isObject, type Json } from "../json";
import { isAmong } from "./addresses";
import { credentialWith } from "./credentials";
import { addressesOf } from "./objects";
import type { Registry } from "./registry";

/** Permissions that an ordinary user's role does not have. */
const BEYOND_USERS = /^(sys|impersonate$|unlimited)/;

/** Accounts, addresses, passwords and keys as the registry has them at the moment of asking. */
export function directoryOf(registry: Registry, recoveryAdmin: RecoveryAdmin | undefined): Directory {
  return {
    byAddress: (address) => all().find(({ names }) => names.includes(address)),
    byId: (id) => all().find((account) => account.id === id),
    all,
    authenticate,
  };

  function all(): readonly Account[] {
    return [...registry.stored("Account")].map(([id, account]) => accountOf(id, account));
  }

  function accountOf(id: string, account: Json): Account {
    const stored = new Map(["Domain", "Account"].map((type) => [type, registry.stored(type)]));
    const names = addressesOf(account, stored);
    const quotas = account["quotas"];
    const quota = isObject(quotas) ? quotas["maxDiskQuota"] : undefined;
    return { id, address: names[0] ?? "", names, quotaBytes: typeof quota === "number" ? quota : Infinity };
  }

  function authenticate(authorization: string, from?: string): Caller | WrongPlace | undefined {
    const [scheme = "", credentials = ""] = authorization.split(" ", 2);
    if (/^bearer$/i.test(scheme)) return withSecret("ApiKey", credentials, from, () => true);
    if (!/^basic$/i.test(scheme)) return undefined;
    const login = Buffer.from(credentials, "base64").toString("utf8");
    const colon = login.indexOf(":");
    const [name, password] = [login.slice(0, colon), login.slice(colon + 1)];
    if (recoveryAdmin !== undefined && name === recoveryAdmin.login)
      return password === recoveryAdmin.password ? { account: ADMIN_ACCOUNT, may: () => true } : undefined;
    return withSecret("Password", password, from, ({ names }) => names.includes(name.toLowerCase()));
  }

  function withSecret(
    kind: "ApiKey" | "Password",
    secret: string,
    from: string | undefined,
    isMeant: (account: Account) => boolean,
  ): Caller | WrongPlace | undefined {
    for (const [id, object] of registry.stored("Account")) {
      const account = accountOf(id, object);
      const credential = isMeant(account) ? credentialWith(object, kind, secret) : undefined;
      if (credential === undefined) continue;
      if (from !== undefined && !isValidFrom(from, credential)) return WRONG_PLACE;
      return { account, may: (permission) => narrowed(credential["permissions"], permission, granted(object)) };
    }
    return undefined;
  }

  /** What the account's roles and own permissions allow. */
  function granted({ roles, permissions }: Json): (permission: string) => boolean {
    const byRoles = ofRoles(isObject(roles) ? roles : {});
    const { "@type": kind, enabledPermissions, disabledPermissions }: Json = isObject(permissions) ? permissions : {};
    const [enabled, disabled] = [enabledPermissions, disabledPermissions].map(has);
    return (permission) => {
      if (kind === "Replace") return enabled?.(permission) === true && disabled?.(permission) !== true;
      if (kind !== "Merge") return byRoles(permission);
      return (byRoles(permission) || enabled?.(permission) === true) && disabled?.(permission) !== true;
    };
  }

  function ofRoles({ "@type": kind, roleIds }: Json): (permission: string) => boolean {
    if (kind === "Admin") return () => true;
    if (kind !== "Custom") return (permission) => !BEYOND_USERS.test(permission);
    const roles: readonly Json[] = Object.keys(isObject(roleIds) ? roleIds : {}).flatMap((id) => {
      const role = registry.stored("Role").get(id);
      return role === undefined ? [] : [role];
    });
    return (permission) =>
      roles.some((role) => has(role["enabledPermissions"])(permission)) &&
      !roles.some((role) => has(role["disabledPermissions"])(permission));
  }
}

/** A credential without addresses is valid from all. */
function isValidFrom(from: string, { allowedIps }: Json): boolean {
  const networks = isObject(allowedIps) ? Object.keys(allowedIps) : [];
  return networks.length === 0 || isAmong(from, networks);
}

/** A key may be given less than its owner has. */
function narrowed(permissions: unknown, permission: string, granted: (permission: string) => boolean): boolean {
  const { "@type": kind, permissions: listed }: Json = isObject(permissions) ? permissions : {};
  if (kind === "Replace") return has(listed)(permission) && granted(permission);
  if (kind === "Disable") return !has(listed)(permission) && granted(permission);
  return granted(permission);
}

function has(set: unknown): (member: string) => boolean {
  return (member) => isObject(set) && set[member] === true;
}
