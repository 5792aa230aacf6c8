import { request } from "node:http";
import { Fault, reasonOf } from "./fault";
import { isFields } from "./plan-line";

/** tailscaled is in the next container; whoever does not answer in this time is not there. */
const TIMEOUT_MS = 5_000;
/** Without peers it is about a kilobyte. */
const MAX_CHARACTERS = 1024 * 1024;

/** What the tailnet's sidecar says of itself (tailscale.com v1.96, ipn/ipnstate.Status). */
export interface TailnetStatus {
  /** `Running`, `NeedsLogin`, `NeedsMachineAuth`, `Starting`, … */
  readonly state: string;
  /** Stable, as Tailscale's API has it in `nodeId`; empty before the machine has joined. */
  readonly nodeId: string;
  /** The machine's address in the tailnet, if it has one. */
  readonly address: string | undefined;
  /** What tailscaled complains about. */
  readonly health: readonly string[];
}

/** Asks tailscaled by its LocalAPI. Throws a `Fault` when it does not answer. */
export async function tailnetStatus(socketPath: string): Promise<TailnetStatus> {
  let text: string;
  try {
    text = await get(socketPath, "/localapi/v0/status?peers=false");
  } catch (error) {
    throw new Fault(
      `The tailnet's sidecar does not answer: ${reasonOf(error)}.`,
      "The tailnet cannot reach this host; mail by the tunnel does not need it.",
      "Look at it: docker compose -p mail-stack logs --tail 50 tailscale",
    );
  }
  return parseStatus(text);
}

/** The parts of the answer that are needed; what is missing reads as not joined. */
export function parseStatus(text: string): TailnetStatus {
  const value: unknown = JSON.parse(text);
  const status = isFields(value) ? value : {};
  const self = isFields(status["Self"]) ? status["Self"] : {};
  const addresses = texts(status["TailscaleIPs"]);
  return {
    state: typeof status["BackendState"] === "string" ? status["BackendState"] : "",
    nodeId: typeof self["ID"] === "string" ? self["ID"] : "",
    address: addresses.find((address) => /^\d+(\.\d+){3}$/.test(address)),
    health: texts(status["Health"]),
  };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // The LocalAPI refuses any other name (client/local.go).
    const headers = { host: "local-tailscaled.sock" };
    const sent = request({ socketPath, path, headers, timeout: TIMEOUT_MS }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        if (text.length > MAX_CHARACTERS) sent.destroy(new Error("its answer is too long"));
      });
      answer.once("error", reject);
      answer.once("end", () =>
        answer.statusCode === 200 ? resolve(text) : reject(new Error(`status ${answer.statusCode ?? 0}`)),
      );
    });
    sent.once("timeout", () => sent.destroy(new Error("nothing came")));
    sent.once("error", reject).end();
  });
}
