import { type Check, error, ok, skipped, TITLE_CHARACTERS } from "../check";
import { type Deployment, Unreachable } from "../context";
import { publicCheck, recordId } from "./ask";

const SMTP_PORT = 25;

/** Each MX as a sending server meets it. Most networks let nobody out to port 25. */
export function exchangeChecks({ records, settings: { domain } }: Deployment): readonly Check[] {
  return records.flatMap(({ data, zone, name }) => {
    if (data.type !== "MX" || zone !== domain || name !== domain) return [];
    const { target } = data;
    return publicCheck({
      id: `exchange.${target}`,
      area: "exchange",
      title: `${target} takes mail over TLS`.slice(0, TITLE_CHARACTERS),
      why: "Senders that know the MTA-STS policy deliver only with TLS and a valid certificate (RFC 8461 section 4).",
      needs: [recordId("MX", domain, domain)],
      run: async ({ net }) => {
        try {
          const { fault, issuer } = await net.certificate(target, SMTP_PORT, "smtp");
          if (fault === undefined) return ok(`STARTTLS, certificate by ${issuer}`);
          return error(
            fault,
            `STARTTLS with a certificate for ${target}`,
            "This MX is Cloudflare's: see its status page.",
          );
        } catch (thrown) {
          if (!(thrown instanceof Unreachable)) throw thrown;
          return skipped("port 25 is not reachable from here; most networks forbid it", "STARTTLS");
        }
      },
    });
  });
}
