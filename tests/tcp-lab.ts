import { request } from "node:http";

import type { Settings } from "../infra/settings/settings";
import { settingsOf } from "../infra/settings/stack-file";
import { APPLICATION, SERVICE_TOKEN } from "../sandbox/cloud/kinds/access";
import { convergeWithoutEngine } from "../sandbox/converge";
import { type Outside, startOutside } from "../sandbox/outside";
import { type StandIns, standIns } from "../sandbox/stand-ins";

/** Somebody who has no mailbox and may come through the tunnel. */
export const GUEST = "guest@example.net";

export interface TcpLab {
  readonly settings: Settings;
  readonly outside: Outside;
  /** Id of the Access application in front of a name (`aud` of its tokens). */
  readonly audience: (hostname: string) => string;
  /** Id and secret of the Worker's service token. */
  readonly workerToken: () => readonly [id: string, secret: string];
}

/** The program of the stack `prod` with all TCP services, converged on a world of its own; its host runs. */
export async function startTcpLab(changes: Readonly<Record<string, string>> = {}): Promise<TcpLab> {
  const plain = standIns("prod");
  const values = {
    ...plain.values,
    tailnet: "off",
    clientTcp: '["imaps","submissions","sieve"]',
    clientPeople: JSON.stringify(["root@augustin.ai", GUEST]),
    ...changes,
  };
  const invented: StandIns = { ...plain, values };
  const settings = settingsOf("prod", invented);
  const outside = await startOutside(settings, invented);
  try {
    await convergeWithoutEngine("prod", invented, outside);
  } catch (error) {
    await outside.close();
    throw error;
  }
  const { world } = outside;
  return {
    settings,
    outside,
    audience: (hostname) => String(world.find(APPLICATION, (props) => props["domain"] === hostname)?.props["aud"]),
    workerToken: () => {
      const [token] = world.all(SERVICE_TOKEN);
      return [String(token?.props["clientId"]), String(token?.props["clientSecret"])];
    },
  };
}

/** The edge's answer to a WebSocket's upgrade: its status, 101 when it is granted, and where it sends a person. */
export function upgrade(
  { outside }: TcpLab,
  hostname: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: "127.0.0.1",
      port: outside.tcpEdge.port,
      headers: {
        ...headers,
        host: hostname,
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    asked.on("error", reject);
    asked.on("upgrade", (_, socket) => {
      socket.destroy();
      resolve({ status: 101, location: undefined });
    });
    asked.on("response", (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, location: response.headers.location });
    });
    asked.end();
  });
}
