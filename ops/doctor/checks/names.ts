import { type Check, error, ok, TITLE_CHARACTERS, warning } from "../check";
import type { Deployment } from "../context";
import { publicCheck, recordId, relative } from "./ask";
import { RESOLVER_ANSWERS } from "./delegation";

/** Cloudflare renews 30 days before the end; later something is in its way. */
const LEAST_DAYS = 14;
const DAY_MS = 86_400_000;
export const HTTPS_PORT = 443;

/** The id of the check of a name's certificate, which gates what is asked under it. */
export function certificateId(hostname: string, domain: string): string {
  return `web.certificate.${relative(hostname, domain)}`;
}

/** Each name that the edge answers: it shows a certificate for the name that is trusted and lives on. */
export function nameChecks({ records, settings: { domain } }: Deployment): readonly Check[] {
  return records
    .filter(({ zone, proxied }) => proxied && zone === domain)
    .map(({ name, data }) =>
      publicCheck({
        id: certificateId(name, domain),
        area: "web",
        title: `Certificate of ${relative(name, domain)}`.slice(0, TITLE_CHARACTERS),
        why: "Without a valid certificate no client, no sender and no Worker connects to the name.",
        needs: [RESOLVER_ANSWERS, recordId(data.type, name, domain)],
        run: async ({ net, now }) => {
          const { fault, notAfter, issuer } = await net.certificate(name, HTTPS_PORT);
          const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY_MS);
          const expected = `a trusted certificate for ${name}, ${LEAST_DAYS} days or more`;
          const remedy =
            "Cloudflare's dashboard, SSL/TLS > Edge Certificates: the universal certificate must be active and cover " +
            `*.${domain}; behind it, CAA must allow its authority.`;
          if (fault !== undefined) return error(`${fault} (issued by ${issuer})`, expected, remedy);
          if (days < LEAST_DAYS) return warning(`${days} days left, by ${issuer}`, expected, remedy);
          return ok(`${days} days left, by ${issuer}`);
        },
      }),
    );
}
