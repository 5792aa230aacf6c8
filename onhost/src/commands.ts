import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ARRIVALS_USAGE, arrivalsCommand, arrivalsKeyCommand } from "./arrivals/command";
import { retireArrivalsKeys } from "./arrivals/keys";
import { tryMessage } from "./canary";
import { deployment, recoveryAdmin, registry, required, type Context, type Output } from "./context";
import { reloadCertificates, updateCertificates } from "./certificates";
import { COMPARE_USAGE, compareCommand } from "./compare/command";
import { FILES, filesOf, furtherDomains, parseFurtherDomain, PLANS } from "./deployment";
import { EXPORT_USAGE, exportCommand, type TransferContext } from "./export/command";
import { Fault, Unreachable } from "./fault";
import { IMPORT_USAGE, importCommand } from "./import/command";
import { httpTo } from "./http";
import { ensureKey, keyNumber, newestKey, retireKeys, type KeyPlace } from "./keys";
import { listenerFindings } from "./listeners";
import { accountOf, setFirstPassword, setPasswords } from "./passwords";
import { parsePlan } from "./plan-line";
import { joinedNode, updateZone } from "./tailnet";
import { visible } from "../../infra/settings/visible";
import { tailnetStatus } from "./tailscaled";
import { retireSignatures } from "./signatures";
import { namesIn, readIfThere } from "./store";
import { describeFinding, findings, snapshotFor } from "./verify";

/** How a command ends. `verify` alone uses the last two. */
export const EXIT = { done: 0, failed: 1, usage: 2, differs: 3, restart: 4 } as const;

const USAGE = `onhost verify [DOMAIN]      is Stalwart as planned? 0 yes, 3 apply the plan, 4 restart it
onhost verify --further     the same for every further domain whose plan lies here; names those that are
onhost passwords [DOMAIN]   sets the administrator's password and the primary account's first one
onhost signatures [DOMAIN]  takes away DKIM signatures of the domain that the plan does not have
onhost key NUMBER           prints the Worker's API key, minted if need be
onhost retire NUMBER        withdraws the Worker's older API keys
${ARRIVALS_USAGE}onhost canary               delivers a message with the Worker's key, reads it and removes it
onhost certificates [--watch]   hands Traefik's certificate on to Stalwart
onhost tailnet [SECONDS]    prints the id of this machine in the tailnet, once it has joined
onhost zone [--watch]       writes the machine's address into the zone that the tailnet resolves
${EXPORT_USAGE}${COMPARE_USAGE}${IMPORT_USAGE}`;

/** Where Stalwart leads from `/.well-known/jmap`. */
const STALWART_SESSION = "/jmap/session";

const WAIT_SECONDS = 120;
const MAX_WAIT_SECONDS = 3_600;
const WATCH_MS = 60_000;
/** The first address of a machine comes within seconds of its start, and clients wait for it. */
const ZONE_WATCH_MS = 2_000;

type Command = (args: readonly string[], context: Context) => Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = {
  verify,
  passwords,
  signatures,
  key,
  retire,
  canary,
  arrivals: async (args, context) =>
    (await arrivalsCommand(args, context, STALWART_SESSION)) ? EXIT.done : usage(context.err),
  "arrivals-key": (args, context) =>
    Promise.resolve(arrivalsKeyCommand(args, context) ? EXIT.done : usage(context.err)),
  certificates,
  tailnet,
  zone,
  export: (args, context) => exportCommand(args, transfer(context)),
  compare: (args, context) => compareCommand(args, transfer(context)),
  import: (args, context) => importCommand(args, transfer(context)),
};

/**
 * Runs a command. Environment: `ONHOST_ROOT`, the apps folder or what of it is mounted (default `/apps`);
 * `STALWART_URL` (default `http://stalwart:8080`); `ONHOST_PORTS=off` leaves the look at Stalwart's ports out.
 */
export async function run(
  [name = "", ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  out: Output,
  err: Output,
): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return usage(err);
  const root = env["ONHOST_ROOT"] ?? "/apps";
  const url = env["STALWART_URL"] ?? "http://stalwart:8080";
  const file = (relative: string) => path.join(root, relative);
  try {
    return await command(args, { file, url, http: httpTo(url), out, err, looksAtPorts: env["ONHOST_PORTS"] !== "off" });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    err.write(visible(`${error.message}\n`));
    return EXIT.failed;
  }
}

function usage(err: Output): number {
  err.write(USAGE);
  return EXIT.usage;
}

/** Without a domain the host's own plan; with one the plan of that further domain. */
async function verify(args: readonly string[], context: Context): Promise<number> {
  if (args.join(" ") === "--further") return await verifyFurther(context);
  const { url, err, looksAtPorts } = context;
  const domain = furtherDomain(args);
  if (domain === "") return usage(err);
  const plan = parsePlan(required(context, domain === undefined ? FILES.plan : filesOf(domain).plan));
  const found = findings(plan, await snapshotFor(plan, registry(context)));
  for (const finding of found) err.write(`${describeFinding(finding)}\n`);
  if (found.length > 0) return EXIT.differs;
  // Listeners are the host's.
  if (!looksAtPorts || domain !== undefined) return EXIT.done;
  const ports = await listenerFindings(plan, new URL(url).hostname);
  for (const { port, isOpen } of ports)
    err.write(`Stalwart ${isOpen ? "listens" : "does not listen"} on port ${port}, against the plan.\n`);
  return ports.length > 0 ? EXIT.restart : EXIT.done;
}

/** Names every domain that is as planned. A hundred cost Stalwart one question: what it has is read once. */
async function verifyFurther(context: Context): Promise<number> {
  const plans = furtherDomains(namesIn(context.file(PLANS))).map(
    (domain) => [domain, parsePlan(required(context, filesOf(domain).plan))] as const,
  );
  if (plans.length === 0) return EXIT.done;
  const snapshot = await snapshotFor(
    plans.flatMap(([, plan]) => plan),
    registry(context),
  );
  let status: number = EXIT.done;
  for (const [domain, plan] of plans) {
    const found = findings(plan, snapshot);
    for (const finding of found) context.err.write(`${domain}: ${describeFinding(finding)}\n`);
    if (found.length === 0) context.out.write(`${domain}\n`);
    else status = EXIT.differs;
  }
  return status;
}

async function passwords(args: readonly string[], context: Context): Promise<number> {
  const domain = furtherDomain(args);
  if (domain === "") return usage(context.err);
  if (domain !== undefined) return await passwordOf(domain, context);
  const wanted = {
    admin: required(context, FILES.adminPassword),
    primary: required(context, FILES.accountPassword),
  };
  const report = await setPasswords(deployment(context), wanted, context.http, registry(context));
  for (const line of report) context.err.write(`${line}\n`);
  return EXIT.done;
}

async function passwordOf(domain: string, context: Context): Promise<number> {
  const files = filesOf(domain);
  const { primary } = parseFurtherDomain(required(context, files.deployment));
  const password = required(context, files.accountPassword);
  for (const line of await setFirstPassword(primary, password, context.http, registry(context)))
    context.err.write(`${line}\n`);
  return EXIT.done;
}

/** Undefined: none was named. Empty: what was named is no domain. */
function furtherDomain([domain, ...more]: readonly string[]): string | undefined {
  if (domain === undefined) return undefined;
  const isDomain = more.length === 0 && /^(?=.{3,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(domain);
  return isDomain ? domain : "";
}

async function signatures(args: readonly string[], context: Context): Promise<number> {
  const domain = furtherDomain(args);
  if (domain === "") return usage(context.err);
  const plan = parsePlan(required(context, domain === undefined ? FILES.plan : filesOf(domain).plan));
  const gone = await retireSignatures(domain ?? deployment(context).domain, plan, registry(context));
  for (const selector of gone) context.err.write(`The DKIM signature ${selector} is withdrawn.\n`);
  return EXIT.done;
}

async function key([number = ""]: readonly string[], context: Context): Promise<number> {
  const wanted = keyNumber(number);
  if (wanted === undefined) return usage(context.err);
  const secret = await ensureKey(wanted, await keyPlace(context), context.http, registry(context));
  context.out.write(`${secret}\n`);
  return EXIT.done;
}

async function retire([number = ""]: readonly string[], context: Context): Promise<number> {
  const current = keyNumber(number);
  if (current === undefined) return usage(context.err);
  const count = await retireKeys(current, await keyPlace(context), context.http, registry(context));
  retireArrivalsKeys(context.file(FILES.arrivalsKeys), current);
  if (count > 0) context.err.write(`${count} older ${count === 1 ? "key" : "keys"} of the Worker withdrawn.\n`);
  return EXIT.done;
}

async function canary(args: readonly string[], context: Context): Promise<number> {
  if (args.length > 0) return usage(context.err);
  const key = newestKey(context.file(FILES.keys));
  const { primary, workerAddress } = deployment(context);
  await tryMessage(primary, { key, workerAddress, admin: recoveryAdmin(context) }, context.http);
  context.err.write("A message came in with the Worker's key, was read and is taken away again.\n");
  return EXIT.done;
}

async function certificates(args: readonly string[], context: Context): Promise<number> {
  const { hostname } = deployment(context);
  const { file, err } = context;
  const files = { acme: file(FILES.acme), chain: file(FILES.certificate), key: file(FILES.certificateKey) };
  const update = () => {
    const isNew = updateCertificates(hostname, files, new Date());
    if (isNew) err.write("Stalwart's certificate files are new.\n");
    return isNew;
  };
  if (!args.includes("--watch")) {
    if (update()) await reloadIfUp(context);
    return EXIT.done;
  }
  // What Stalwart has read is not known at the beginning, and another run may write the files too.
  for (let loaded: string | undefined; ; await sleep(WATCH_MS)) {
    update();
    const chain = readIfThere(files.chain);
    if (chain !== loaded && (await watchedReload(context))) loaded = chain;
  }
}

/** A Stalwart that is not up reads the files when it starts. False when it is not. */
async function reloadIfUp(context: Context): Promise<boolean> {
  try {
    await reloadCertificates(registry(context));
    return true;
  } catch (error) {
    if (error instanceof Unreachable) return false;
    throw error;
  }
}

/** A watch goes on, whatever Stalwart says. */
async function watchedReload(context: Context): Promise<boolean> {
  try {
    return await reloadIfUp(context);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    context.err.write(`${error.message}\n`);
    return false;
  }
}

async function tailnet([seconds = String(WAIT_SECONDS)]: readonly string[], context: Context): Promise<number> {
  const budget = Number(seconds);
  if (!/^\d+$/.test(seconds) || budget > MAX_WAIT_SECONDS) return usage(context.err);
  const { nodeId } = await joinedNode(context.file(FILES.tailscaled), budget * 1_000);
  context.out.write(`${nodeId}\n`);
  return EXIT.done;
}

async function zone(args: readonly string[], context: Context): Promise<number> {
  const { file, err } = context;
  const { hostname } = deployment(context);
  const update = async () => {
    const { address, state } = await tailnetStatus(file(FILES.tailscaled));
    if (address === undefined) return `The machine has no address in the tailnet: tailscaled is in state ${state}.`;
    return updateZone(file(FILES.zone), hostname, address, new Date()) ? `${hostname} is at ${address}.` : undefined;
  };
  if (!args.includes("--watch")) {
    const said = await update();
    if (said !== undefined) err.write(`${said}\n`);
    return EXIT.done;
  }
  // What is said again and again is said once.
  for (let last: string | undefined; ; await sleep(ZONE_WATCH_MS)) {
    const said = await update().catch((error: unknown) => {
      if (error instanceof Fault) return error.message;
      throw error;
    });
    if (said !== undefined && said !== last) err.write(`${said}\n`);
    last = said;
  }
}

async function keyPlace(context: Context): Promise<KeyPlace> {
  const { service, workerAddress } = deployment(context);
  const { id } = await accountOf(registry(context), service);
  return { accountId: id, folder: context.file(FILES.keys), address: workerAddress };
}

/** For commands of all accounts. */
function transfer(context: Context): TransferContext {
  const { out, err, url, file } = context;
  return {
    out,
    err,
    folder: file(FILES.export),
    stalwart: () => ({
      url,
      sessionPath: STALWART_SESSION,
      authorization: recoveryAdmin(context),
    }),
  };
}
