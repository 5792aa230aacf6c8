/** Which certificate authorities a domain's websites use. A CAA record must not leave them out. */
import { connect, type PeerCertificate } from "node:tls";
import { caaIdentifier } from "./settings/authorities";
import { quote } from "./settings/fault";

/** For both names together; a slower website is ignored. */
const TIME_BUDGET_MS = 2_500;
const HTTPS_PORT = 443;

/** A website, and the issuer of the certificate that it shows. */
export interface ServedIssuer {
  readonly hostname: string;
  /** As the certificate has it. */
  readonly organisation: string;
  /** Its name in CAA records; undefined: not known here. */
  readonly identifier: string | undefined;
}

/** Where a website listens; for tests. */
export type WebsitePlace = (hostname: string) => { readonly host: string; readonly port: number };

/**
 * Looks at the certificates of the websites at the domain and at `www`. It does not validate them: only their issuer matters
 * here. A name without a website is left out. Never throws.
 */
export async function servedIssuers(
  domain: string,
  place: WebsitePlace = (host) => ({ host, port: HTTPS_PORT }),
  timeBudgetMs = TIME_BUDGET_MS,
): Promise<readonly ServedIssuer[]> {
  const names = [domain, `www.${domain}`];
  const found = await Promise.all(names.map((name) => organisationAt(name, place(name), timeBudgetMs)));
  return names.flatMap((hostname, nth) => {
    const organisation = found[nth];
    return organisation === undefined ? [] : [{ hostname, organisation, identifier: caaIdentifier(organisation) }];
  });
}

function organisationAt(
  servername: string,
  { host, port }: ReturnType<WebsitePlace>,
  timeBudgetMs: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, servername, rejectUnauthorized: false });
    const end = (organisation?: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(organisation);
    };
    const timer = setTimeout(end, timeBudgetMs);
    socket.on("error", () => end());
    socket.once("secureConnect", () => {
      // Empty when the server showed none, whatever its type says.
      const shown: Partial<PeerCertificate> = socket.getPeerCertificate();
      const { O: organisation, CN: commonName } = shown.issuer ?? {};
      end([organisation ?? commonName ?? []].flat()[0]);
    });
  });
}

/** A website whose next certificate the CAA records would forbid, and the next step. */
export interface RefusedIssuer {
  readonly fact: string;
  readonly next: string;
}

/** What CAA records with these issuers do to the websites: one for each authority that they leave out. */
export function refusedIssuers(
  caaIssuers: readonly string[],
  served: readonly ServedIssuer[],
  stack: string,
): readonly RefusedIssuer[] {
  if (caaIssuers.length === 0) return [];
  const left = served.filter(({ identifier }) => identifier === undefined || !caaIssuers.includes(identifier));
  const authorities = new Map(left.map((each) => [each.identifier ?? each.organisation, each]));
  return [...authorities.values()].map(({ identifier, organisation }, nth) => {
    const names = left.filter((each) => each.organisation === organisation).map(({ hostname }) => hostname);
    const add = `pulumi config set --path 'mail:caaIssuers[${caaIssuers.length + nth}]' ${identifier ?? "NAME"} --stack ${stack}`;
    return {
      fact:
        `The certificate of ${names.join(" and ")} was issued by ${quote(organisation)}, which mail:caaIssuers does not name: the CAA ` +
        "records will make this authority refuse the next one, and the website's certificate will expire weeks later",
      next:
        identifier === undefined
          ? `The authority's documentation says which name CAA records use for it; add that: ${add}`
          : `Add it: ${add}`,
    };
  });
}
