/** A person's account of the sandbox's mail host. */
export interface AccountOptions {
  /** Complete address; it is the login as well. */
  readonly address: string;
  readonly aliases?: readonly string[];
  readonly password: string;
  /** Absent: no limit. */
  readonly quotaBytes?: number;
}

/** The Worker's key. It belongs to a service account that the host makes itself. */
export interface ApiKeyOptions {
  readonly token: string;
  readonly permissions: readonly Permission[];
}

/** What Stalwart 0.16 checks of a key for the calls that this host knows. */
export type Permission =
  | "authenticate"
  | "impersonate"
  | "jmapEmailChanges"
  | "jmapEmailGet"
  | "jmapEmailImport"
  | "jmapEmailQuery"
  | "jmapEmailUpdate"
  | "jmapMailboxGet"
  | "jmapMailboxQuery"
  | "jmapPrincipalGet"
  | "jmapPrincipalQuery"
  | "sysQueuedMessageGet"
  | "sysQueuedMessageQuery"
  | "unlimitedUploads";

/** Enough to deliver, and nothing else. */
export const IMPORTER_PERMISSIONS: readonly Permission[] = [
  "authenticate",
  "impersonate",
  "jmapEmailImport",
  "jmapMailboxQuery",
  "jmapPrincipalQuery",
  "unlimitedUploads",
];

/** The recovery administrator of STALWART_RECOVERY_ADMIN: valid in normal mode too, and in no directory. */
export interface RecoveryAdmin {
  readonly login: string;
  readonly password: string;
}

export const ADMIN_ACCOUNT: Account = { id: "999999", address: "recovery-admin", names: [], quotaBytes: 0 };

export interface Account {
  readonly id: string;
  readonly address: string;
  /** Address and aliases, lower case. */
  readonly names: readonly string[];
  readonly quotaBytes: number;
}

/** Who sends a request. */
export interface Caller {
  readonly account: Account;
  readonly may: (permission: string) => boolean;
}

/** The credentials are right, and not valid from that address. */
export const WRONG_PLACE = Symbol("wrong place");
export type WrongPlace = typeof WRONG_PLACE;

export interface Directory {
  /** Case-sensitive, without sub-addressing and catch-all, as `Principal/query` of Stalwart. */
  readonly byAddress: (address: string) => Account | undefined;
  readonly byId: (id: string) => Account | undefined;
  readonly all: () => readonly Account[];
  /**
   * Undefined: wrong credentials.
   *
   * @param from whose request it is; left out: an address that every credential is valid from
   */
  readonly authenticate: (authorization: string, from?: string) => Caller | WrongPlace | undefined;
}

const SERVICE_LOCAL_PART = "cf-mail-worker";
/** Ids are short and in order of creation; "a" is taken by the server itself. */
const FIRST_ID = 11;
const ID_RADIX = 36;

/** The accounts and keys of the host. */
export function createDirectory(
  domain: string,
  people: readonly AccountOptions[],
  apiKey: ApiKeyOptions | undefined,
  admin?: RecoveryAdmin,
): Directory {
  const service: AccountOptions = { address: `${SERVICE_LOCAL_PART}@${domain}`, password: "" };
  const entries = [service, ...people].map(({ address, aliases = [], quotaBytes = Infinity }, index) => ({
    id: (FIRST_ID + index).toString(ID_RADIX),
    address: address.toLowerCase(),
    names: [address, ...aliases].map((name) => name.toLowerCase()),
    quotaBytes,
  }));
  const names = entries.flatMap((entry) => entry.names);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`${twice} belongs to two accounts of the mail host.`);
  const byAddress = (address: string) => entries.find((entry) => entry.names.includes(address));

  return { byAddress, byId: (id) => entries.find((entry) => entry.id === id), all: () => entries, authenticate };

  function authenticate(authorization: string): Caller | undefined {
    const [scheme = "", credentials = ""] = authorization.split(" ", 2);
    if (/^bearer$/i.test(scheme)) return keyHolder(credentials);
    if (/^basic$/i.test(scheme)) return person(Buffer.from(credentials, "base64").toString("utf8"));
    return undefined;
  }

  function keyHolder(token: string): Caller | undefined {
    const [account] = entries;
    if (apiKey === undefined || account === undefined || token !== apiKey.token) return undefined;
    const permissions: readonly string[] = apiKey.permissions;
    return { account, may: (permission) => permissions.includes(permission) };
  }

  function person(login: string): Caller | undefined {
    if (admin !== undefined && login === `${admin.login}:${admin.password}`)
      return { account: ADMIN_ACCOUNT, may: () => true };
    const colon = login.indexOf(":");
    const account = byAddress(login.slice(0, colon).toLowerCase());
    const known = people.find(({ address }) => address.toLowerCase() === account?.address);
    if (account === undefined || known?.password !== login.slice(colon + 1)) return undefined;
    return { account, may: (permission) => permission !== "impersonate" && permission !== "unlimitedUploads" };
  }
}
