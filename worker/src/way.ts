import { createArrivals } from "./arrivals";
import { BUDGETS, DRAIN_BUDGETS } from "./budgets";
import { isolateCache } from "./cache";
import { systemClock } from "./clock";
import type { Configuration } from "./configuration";
import { platformFetch } from "./http";
import type { Fetch } from "./http";
import { createHome } from "./jmap";
import { createLmtpHome } from "./lmtp/attempt";
import { LMTP_BUDGETS, LMTP_DRAIN_BUDGETS } from "./lmtp/budgets";
import { openWebSocket } from "./lmtp/websocket";
import type { DrainHome } from "./turn";

/**
 * Stalwart 0.16.18 reads the octets of a BDAT that it refuses, so commands in a message stay content: run against it, with
 * an unknown recipient.
 */
const PIPELINES_BDAT = true;

/** Home by the way that the configuration names, for one message: its time budget starts now. */
export function homeOf(configuration: Configuration, who: "edge" | "drain", fetch: Fetch = platformFetch): DrainHome {
  const { delivery, accessClientId, accessClientSecret, mailDomain } = configuration;
  const budgets = who === "edge" ? BUDGETS : DRAIN_BUDGETS;
  const connection = { ...configuration, ...delivery };
  const arrived = createArrivals(connection, fetch, budgets);
  const cache = isolateCache(delivery.jmapUrl, delivery.jmapToken);
  const mailboxes = createHome(connection, { cache, fetch, budgets, arrived });
  if (delivery.kind === "jmap") return mailboxes;
  const address = { url: delivery.lmtpUrl, accessClientId, accessClientSecret };
  return createLmtpHome(
    (connectMs) => openWebSocket(fetch, address, connectMs, systemClock),
    {
      name: mailDomain,
      budgets: who === "edge" ? LMTP_BUDGETS : LMTP_DRAIN_BUDGETS,
      clock: systemClock,
      pipelinesBdat: PIPELINES_BDAT,
    },
    { mailboxes, arrived },
  );
}
