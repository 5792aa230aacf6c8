import { connect } from "node:net";
import { isFields, type PlanLine } from "./plan-line";

/** What Stalwart opens by itself on its first start. */
export const DEFAULT_PORTS: readonly number[] = [25, 443, 465, 993, 995, 4190];
/** In the same docker network. */
const CONNECT_BUDGET_MS = 2_000;

/** One port that is not as the plan has it. */
export interface ListenerFinding {
  readonly port: number;
  readonly isOpen: boolean;
}

/** Ports that the plan's listeners bind. */
export function plannedPorts(plan: readonly PlanLine[]): readonly number[] {
  return plan
    .filter((line) => line.object === "NetworkListener" && line["@type"] !== "update")
    .flatMap((line) => Object.values(line.value))
    .flatMap((listener) => (isFields(listener) && isFields(listener["bind"]) ? Object.keys(listener["bind"]) : []))
    .map((address) => Number(address.slice(address.lastIndexOf(":") + 1)));
}

/**
 * Looks whether Stalwart really listens where the plan says, and on none of the others. It takes and drops listeners at a start
 * only, whatever its settings say.
 */
export async function listenerFindings(
  plan: readonly PlanLine[],
  host: string,
  others: readonly number[] = DEFAULT_PORTS,
): Promise<readonly ListenerFinding[]> {
  const planned = plannedPorts(plan);
  const ports = [...new Set([...planned, ...others])];
  const states = await Promise.all(ports.map(async (port) => ({ port, isOpen: await isOpen(host, port) })));
  return states.filter(({ port, isOpen: open }) => open !== planned.includes(port));
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_BUDGET_MS });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}
