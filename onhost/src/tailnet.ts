import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "./fault";
import { PUBLIC_MODE, readIfThere, writeDurably } from "./store";
import { tailnetStatus, type TailnetStatus } from "./tailscaled";

const POLL_MS = 1_000;
/** Seconds that clients keep an answer, also that there is none of another type. */
const TTL_SECONDS = 60;

/** Waits until the machine has joined. Throws a `Fault` that says why it has not. */
export async function joinedNode(socketPath: string, budgetMs: number): Promise<TailnetStatus> {
  const end = Date.now() + budgetMs;
  for (;;) {
    const status = await tailnetStatus(socketPath).catch((error: unknown) => {
      if (Date.now() > end || !(error instanceof Fault)) throw error;
      return undefined;
    });
    if (status?.state === "Running" && status.address !== undefined && status.nodeId !== "") return status;
    if (status !== undefined && Date.now() > end) throw notJoined(status);
    await sleep(POLL_MS);
  }
}

function notJoined({ state, health }: TailnetStatus): Fault {
  const why = health.length === 0 ? "" : ` ${health.join(" ")}`;
  return new Fault(
    `The host has not joined the tailnet: tailscaled is in state ${state || "unknown"}.${why}`,
    "The tailnet cannot reach this host; mail by the tunnel does not need it.",
    state === "NeedsMachineAuth"
      ? "Approve the machine in Tailscale's console, then: pulumi up"
      : "Its key was used, has expired or was withdrawn: raise mail:tailnetKeyNumber by one, then: pulumi up. " +
          "Otherwise look at: docker compose -p mail-stack logs --tail 50 tailscale",
  );
}

/**
 * Writes the zone when the machine's address is another one. The serial (RFC 1035 section 3.3.13) is the time, because
 * CoreDNS reads a zone again only when it has changed. True when the file is new.
 */
export function updateZone(path: string, name: string, address: string, now: Date): boolean {
  const present = readIfThere(path);
  if (present?.includes(`${addressLine(name, address)}\n`) === true) return false;
  writeDurably(path, zoneText(name, address, Math.floor(now.getTime() / 1_000)), PUBLIC_MODE);
  return true;
}

/** A zone that is one name with one address: every other type has no data, every name below it does not exist. */
export function zoneText(name: string, address: string, serial: number): string {
  return [
    `${name}. ${TTL_SECONDS} IN SOA ${name}. hostmaster.${name}. ${serial} 3600 600 86400 ${TTL_SECONDS}`,
    `${name}. ${TTL_SECONDS} IN NS ${name}.`,
    addressLine(name, address),
    "",
  ].join("\n");
}

function addressLine(name: string, address: string): string {
  return `${name}. ${TTL_SECONDS} IN A ${address}`;
}
