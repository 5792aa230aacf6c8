import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { isProps, textAt } from "../../cloud/props";
import type { Container, Destination, Process, Program } from "../docker/container";
import { createJmapServer, type JmapServer } from "../jmap-server";
import { createMailStore, type MailStore } from "../mail-store";
import { forward, header, type OriginRequest } from "../origin";
import { lmtpServices } from "../registry/delivery";
import { directoryOf } from "../registry/directory";
import { createRegistry, type Registry } from "../registry/registry";
import { openMailListeners } from "./mail-listeners";

const CONFIGURATION = "/etc/stalwart/config.json";
/** In the data folder: what the real one keeps in RocksDB. */
const DATA_FILE = "registry.json";
const MAIL_FILE = "mail.v8";
/** The version that wrote them last. */
const VERSION_FILE = "written-by";
const HTTP_PORT = 8080;

export interface StalwartOptions {
  /** Every message of an Inbox is also written here. */
  readonly mailFolder?: string;
  /** What is wrong with a version, like 0.16.19. */
  readonly faults?: ReadonlyMap<string, StalwartFault>;
}

/** It ends when it starts; it takes mail, and shows none. */
export type StalwartFault = "start" | "read";

/** The mail server's image, with a look into it for the sandbox. */
export interface Stalwart extends Program {
  /** The server that runs now. */
  readonly server: () => JmapServer | undefined;
}

/** Stalwart as its data and its plan make it: nothing is known to it before. */
export function stalwart({ mailFolder, faults }: StalwartOptions): Stalwart {
  let running: JmapServer | undefined;
  return { start, server: () => running };

  async function start(container: Container): Promise<Process> {
    const folder = dataFolder(container);
    const version = versionOf(container);
    refuseNewerData(folder, version);
    if (faults?.get(version) === "start") throw new Error("exited (101)");
    const [file, mailFile] = [join(folder, DATA_FILE), join(folder, MAIL_FILE)];
    const kept = createMailStore(mailFolder, existsSync(mailFile) ? readFileSync(mailFile) : undefined);
    const store: MailStore = faults?.get(version) === "read" ? { ...kept, messages: () => [] } : kept;
    const registry = createRegistry({
      ...(existsSync(file) ? { data: readFileSync(file, "utf8") } : {}),
      certificateFault: (chain, key) => certificateFault(container, chain, key),
    });
    const { environment } = container.service;
    const [login = "", password] = environment["STALWART_RECOVERY_ADMIN"]?.split(/:(.*)/s) ?? [];
    const server = await createJmapServer({
      publicUrl: environment["STALWART_PUBLIC_URL"] ?? "",
      registry,
      store,
      ...(password === undefined ? {} : { recoveryAdmin: { login, password } }),
    });
    running = server;
    const directory = directoryOf(registry, undefined);
    const listeners = await openMailListeners(registry.stored("NetworkListener").values(), {
      certificate: () => certificateOf(container, registry),
      inbox: (user, secret) => {
        const basic = `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}`;
        const caller = directory.authenticate(basic);
        return typeof caller === "object" ? server.mailbox(caller.account.address).length : undefined;
      },
      lmtp: (listener) => lmtpServices(registry, store, listener),
    });
    const hasHttp = registry.ports().includes(HTTP_PORT);
    return {
      http: (to, request) =>
        to.port === HTTP_PORT && hasHttp
          ? forward(server.port, { ...request, headers: named(request.headers, to) })
          : undefined,
      ports: () => new Map([...(hasHttp ? [[HTTP_PORT, server.port] as const] : []), ...listeners.ports]),
      probe: (test) => probe(test, server.port),
      stop: async () => {
        running = undefined;
        await Promise.all([server.close(), listeners.close()]);
        writeFileSync(file, registry.dump());
        writeFileSync(mailFile, kept.dump());
      },
    };
  }
}

/** On loopback the peer's own address is lost; it would be the client's when no header names one. */
function named(headers: OriginRequest["headers"], { from }: Destination): OriginRequest["headers"] {
  const isSaid = header(headers, "x-forwarded-for") !== undefined || from === undefined;
  return isSaid ? headers : { ...headers, "x-forwarded-for": from };
}

/** The tag of the image. */
function versionOf({ service }: Container): string {
  return /:v(\d+\.\d+\.\d+)(@|$)/.exec(service.image)?.[1] ?? "";
}

/** The real one migrates its data when a newer version starts, and an older one ends at once on what it does not know. */
function refuseNewerData(folder: string, version: string): void {
  const file = join(folder, VERSION_FILE);
  const last = existsSync(file) ? readFileSync(file, "utf8") : "0.0.0";
  if (compareVersions(last, version) > 0)
    throw new Error(`panicked: Unknown database schema version: written by ${last}, this is ${version}`);
  writeFileSync(file, version);
}

function compareVersions(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}

/** config.json names one store, and its folder must be one that is mounted to be written. */
function dataFolder(container: Container): string {
  const config: unknown = JSON.parse(container.read(CONFIGURATION));
  const path = isProps(config) && config["@type"] === "RocksDb" ? config["path"] : undefined;
  if (typeof path !== "string") throw new Error(`${CONFIGURATION} names no RocksDb store`);
  const mount = container.mountOf(path.replace(/\/$/, ""));
  if (!mount || mount.readOnly) throw new Error(`IO error: While mkdir if missing: ${path}: Read-only file system`);
  return container.hostPath(path.replace(/\/$/, ""));
}

/** Undefined: the files at these paths of the container are a certificate and its key. */
function certificateFault(container: Container, chain: string, key: string): string | undefined {
  try {
    const certificate = new X509Certificate(container.read(chain));
    return certificate.checkPrivateKey(createPrivateKey(container.read(key)))
      ? undefined
      : "Private key does not match the certificate";
  } catch (error) {
    return `Failed to read certificate: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The pair that the first object `x:Certificate` names; undefined while it cannot be read. */
function certificateOf(
  container: Container,
  registry: Registry,
): { readonly cert: string; readonly key: string } | undefined {
  const [declared] = [...registry.stored("Certificate").values()];
  const file = (part: string) => (declared ? textAt(declared, `${part}.filePath`) : undefined);
  const [chain, key] = [file("certificate"), file("privateKey")];
  if (chain === undefined || key === undefined || certificateFault(container, chain, key) !== undefined)
    return undefined;
  return { cert: container.read(chain), key: container.read(key) };
}

/** The health check is curl against the container's own port. */
async function probe([program, ...args]: readonly string[], port: number): Promise<boolean> {
  const url = args.at(-1) ?? "";
  if (program !== "curl" || !URL.canParse(url))
    throw new Error(`the sandbox does not know the health check ${program ?? ""}`);
  const { port: asked, pathname } = new URL(url);
  if (Number(asked) !== HTTP_PORT) return false;
  const { status } = await forward(port, { method: "GET", path: pathname, headers: {}, noTlsVerify: false });
  return status === 200;
}
