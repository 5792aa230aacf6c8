import type * as pulumi from "@pulumi/pulumi";

import type { PublicEnv } from "../../worker/src/public-env";
import type { DomainSettings } from "../settings/settings";
import type { Binding, InboundWorkerArgs } from "./inbound-worker";

/** A Worker's credentials at home: Access's service token, the key to import, the key to ask. All but the id is secret. */
export interface WayHome {
  readonly clientId: pulumi.Input<string>;
  readonly clientSecret: pulumi.Input<string>;
  readonly key: pulumi.Input<string>;
  readonly arrivalsKey: pulumi.Input<string>;
}

/** The bindings of a domain's inbound Worker. */
export function inboundBindings(
  { domain, catchAll, hostnames, inboundDelivery, spool }: DomainSettings,
  home: WayHome,
  bucket: pulumi.Input<string> | undefined,
): InboundWorkerArgs["bindings"] {
  return {
    INBOUND_DELIVERY: { text: inboundDelivery },
    ...(inboundDelivery === "lmtp" && { LMTP_URL: { text: `https://${hostnames.lmtp}` } }),
    JMAP_URL: { text: `https://${hostnames.inbound}` },
    JMAP_TOKEN: { secret: home.key },
    ARRIVALS_KEY: { secret: home.arrivalsKey },
    ACCESS_CLIENT_ID: { secret: home.clientId },
    ACCESS_CLIENT_SECRET: { secret: home.clientSecret },
    MAIL_DOMAIN: { text: domain },
    CATCH_ALL: { text: catchAll ?? "" },
    ...(bucket === undefined ? {} : { SPOOL: { bucket } }),
    ALERT_URL: alertUrl(spool),
    ALERT_AFTER_MINUTES: { text: String(spool?.alertAfterMinutes ?? "") },
  };
}

/** The bindings of a domain's public Worker. */
export function publicBindings({ domain, hostnames, services }: DomainSettings): PublicEnv {
  return {
    MAIL_DOMAIN: domain,
    SERVER_HOSTNAME: hostnames.server,
    CLIENTS_HOSTNAME: hostnames.clients,
    SERVICES: services.join(","),
    DISPLAY_NAME: domain,
  };
}

/** Whoever knows such a URL can post there. Nothing needs no hiding, and the API may refuse an empty secret. */
function alertUrl(spool: DomainSettings["spool"]): Binding {
  const url = spool?.alertUrl.reveal() ?? "";
  return url === "" ? { text: "" } : { secret: url };
}
