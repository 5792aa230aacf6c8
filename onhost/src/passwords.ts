import type { Deployment } from "./deployment";
import { Fault } from "./fault";
import { basic, type Http } from "./http";
import { isFields, type Fields } from "./plan-line";
import type { Registry, RegistryObject } from "./registry";

export interface Passwords {
  readonly admin: string;
  /** The primary account's first one. */
  readonly primary: string;
}

/** What was done, one sentence each. */
export type Report = readonly string[];

/**
 * The administrator has the configured password afterwards, whatever it was before. The primary account gets its first
 * one; the next is its owner's.
 */
export async function setPasswords(
  deployment: Deployment,
  passwords: Passwords,
  http: Http,
  registry: Registry,
): Promise<Report> {
  const report: string[] = [];
  if (!(await login(http, deployment.admin, passwords.admin, "mail:adminPassword"))) {
    await setPassword(registry, deployment.admin, passwords.admin, "mail:adminPassword");
    await ensureLogin(http, deployment.admin, passwords.admin);
    report.push(`${deployment.admin} has a new password.`);
  }
  return [...report, ...(await setFirstPassword(deployment.primary, passwords.primary, http, registry))];
}

/** The account has this password afterwards if it had none; the next is its owner's. */
export async function setFirstPassword(
  address: string,
  password: string,
  http: Http,
  registry: Registry,
): Promise<Report> {
  if (passwordIndex(await accountOf(registry, address)) !== undefined) return [];
  await setPassword(registry, address, password, "mail:accountPassword");
  await ensureLogin(http, address, password);
  return [`${address} has its first password.`];
}

/** The account with this address. Throws a `Fault` when the plan has not been applied. */
export async function accountOf(registry: Registry, address: string): Promise<RegistryObject> {
  const accounts = await registry.get("Account");
  const account = accounts.find(({ emailAddress }) => emailAddress === address);
  if (account !== undefined) return account;
  throw new Fault(
    `Stalwart has no account ${address}.`,
    "It can have no password and no key.",
    "Run pulumi up again: it applies the plan.",
  );
}

async function login(http: Http, address: string, password: string, setting: string): Promise<boolean> {
  const { status } = await http("/jmap/session", { authorization: basic(address, password) });
  // 402: the password is right and a second factor is asked for.
  if (status === 200 || status === 402) return true;
  if (status === 401) return false;
  throw new Fault(
    `Stalwart answers a login of ${address} with HTTP ${status}.`,
    "Whether it has the right password is not known, and none was set.",
    status === 403 || status === 429
      ? "Wait a minute and run pulumi up again."
      : `Check ${setting} and its log: docker compose -p mail-stack logs --tail 50 stalwart`,
  );
}

async function ensureLogin(http: Http, address: string, password: string): Promise<void> {
  const { status } = await http("/jmap/session", { authorization: basic(address, password) });
  if (status === 200 || status === 402) return;
  throw new Fault(
    `Stalwart took the new password of ${address} and refuses it (HTTP ${status}).`,
    "Nobody can log in with it.",
    "Look at its log: docker compose -p mail-stack logs --tail 50 stalwart",
  );
}

async function setPassword(registry: Registry, address: string, password: string, setting: string): Promise<void> {
  const account = await accountOf(registry, address);
  const index = passwordIndex(account);
  // Single entries are patched, because a list is replaced as a whole and the API keys are in it.
  const patch: Fields =
    index === undefined
      ? { [`credentials/${nextIndex(account)}`]: { "@type": "Password", secret: password } }
      : { [`credentials/${index}/secret`]: password };
  const { refused } = await registry.set("Account", { update: { [account.id]: patch } });
  const refusal = refused[account.id];
  if (refusal === undefined) return;
  throw new Fault(
    `Stalwart refuses the password of ${address}: ${refusal.description || refusal.type}`,
    "The account keeps what it had.",
    `Choose another one: pulumi config set --secret ${setting}`,
  );
}

function passwordIndex(account: RegistryObject): string | undefined {
  return credentialsOf(account).find(([, credential]) => credential["@type"] === "Password")?.[0];
}

function nextIndex(account: RegistryObject): number {
  return Math.max(-1, ...credentialsOf(account).map(([index]) => Number(index))) + 1;
}

function credentialsOf({ credentials }: RegistryObject): readonly (readonly [index: string, Fields])[] {
  if (!isFields(credentials)) return [];
  return Object.entries(credentials).flatMap(([index, item]) => (isFields(item) ? [[index, item] as const] : []));
}
