import { caaIdentifier } from "../../../infra/settings/authorities";
import { type Check, error, ok } from "../check";
import { type Context, type Deployment, hasHost } from "../context";
import { askAll, converge, list, publicCheck, worst } from "./ask";
import { ZONE_ANSWERS } from "./delegation";

/** The authority that Traefik on the host asks (infra/host/traefik/static.ts). */
const HOST_ISSUER = "letsencrypt.org";
const HTTPS_PORT = 443;
/** A website may be silent for as long as a connection and a handshake may take (ops/doctor/net/net.ts). */
const WEBSITES_BUDGET_MS = 8_000;

/** Somebody else may have made CAA records: then the host needs its authority even if the stack file has no restriction. */
export function caaChecks(deployment: Deployment): readonly Check[] {
  const { domain, caaIssuers } = deployment.settings;
  if (caaIssuers.length === 0 && !hasHost(deployment)) return [];
  const needed = [...new Set([...(hasHost(deployment) ? [HOST_ISSUER] : []), ...caaIssuers])];
  return [
    publicCheck({
      id: "policy.caa",
      area: "policy",
      title: "CAA allows the authorities that are used",
      why: "An authority that is not named must refuse, so the certificates of edge and host would run out (RFC 8659).",
      needs: [ZONE_ANSWERS],
      budgetMs: WEBSITES_BUDGET_MS,
      run: async (context) => {
        const said = await askAll(context, domain, domain, "CAA");
        // Without a record every authority may issue.
        const isRestricted = said.some(({ answer }) => answer.records.length > 0);
        const all = [...new Set([...needed, ...(isRestricted ? await websiteIssuers(context, domain) : [])])];
        return worst(
          said.map(({ server, answer }) => {
            const issuers = answer.records.flatMap(({ value }) => /^\d+ issue ([^ ;]+)/.exec(value)?.[1] ?? []);
            const missing = answer.records.length === 0 ? [] : all.filter((issuer) => !issuers.includes(issuer));
            const finding =
              missing.length === 0
                ? ok(answer.records.length === 0 ? "no record, so every authority may" : list(issuers))
                : error(
                    `${list(missing)} may not`,
                    list(all),
                    missing.every((issuer) => caaIssuers.includes(issuer))
                      ? converge(deployment)
                      : `Set mail:caaIssuers to ${list(all)}, or delete the CAA records of ${domain} in Cloudflare's dashboard, ` +
                          `then: ${converge(deployment)}`,
                  );
            return { server, finding };
          }),
        );
      },
    }),
  ];
}

/** The authorities of the websites at the domain and at `www`, as far as the websites exist and their authorities are known. */
async function websiteIssuers({ net }: Context, domain: string): Promise<readonly string[]> {
  const certificates = await Promise.all(
    [domain, `www.${domain}`].map((name) => net.certificate(name, HTTPS_PORT).catch(() => undefined)),
  );
  return certificates.flatMap((certificate) => caaIdentifier(certificate?.issuer ?? "") ?? []);
}
