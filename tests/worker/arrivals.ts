import { asker } from "../../onhost/src/arrivals/command";
import { type ArrivalsServer, startArrivals } from "../../onhost/src/arrivals/server";
import { basic } from "../../onhost/src/http";
import { connectTo } from "../../onhost/src/jmap/client";

/** The host's own login at the sandbox's mail host. */
export const ADMIN = { login: "admin", password: "admin-test-only" };

/** The real service beside a mail host on that port. */
export async function startArrivalsBeside(port: number, key: string, now: () => number): Promise<ArrivalsServer> {
  const connect = () =>
    connectTo({
      url: `http://127.0.0.1:${port}`,
      sessionPath: "/jmap/session",
      authorization: basic(ADMIN.login, ADMIN.password),
      patience: { firstPauseMs: 10, longestPauseMs: 10, totalMs: 50 },
    });
  return await startArrivals({ port: 0, host: "127.0.0.1", keys: () => [key], ask: asker(connect, { now }) });
}
