/**
 * Names that certificate authorities look for in CAA records (RFC 8659 section 4.2), as they publish them in the Common CA
 * Database and in their practice statements. A name that no authority looks for forbids every authority to issue.
 */
export const AUTHORITIES: readonly string[] = [
  // Those that issue for free, or at Cloudflare's edge.
  ...["letsencrypt.org", "pki.goog", "ssl.com", "sectigo.com", "digicert.com", "comodoca.com", "zerossl.com"],
  ...["buypass.com", "buypass.no", "certainly.com", "amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"],
  ...[
    "comodo.com",
    "usertrust.com",
    "trust-provider.com",
    "symantec.com",
    "thawte.com",
    "geotrust.com",
    "rapidssl.com",
  ],
  ...["digitalcertvalidation.com", "quovadisglobal.com", "cybertrust.ne.jp", "globalsign.com", "entrust.net"],
  ...["affirmtrust.com", "godaddy.com", "starfieldtech.com", "identrust.com", "securetrust.com", "trustwave.com"],
  ...["microsoft.com", "wisekey.com", "oiste.org", "networksolutions.com", "web.com", "vikingcloud.com"],
  ...[
    "actalis.it",
    "swisssign.com",
    "swisssign.net",
    "harica.gr",
    "telesec.de",
    "d-trust.net",
    "dtrust.de",
    "atos.net",
  ],
  ...["certum.pl", "certum.eu", "certigna.com", "certigna.fr", "certinomis.com", "certinomis.fr", "dhimyotis.com"],
  ...["camerfirma.com", "firmaprofesional.com", "izenpe.com", "izenpe.eus", "anf.es", "accv.es", "fnmt.es"],
  ...[
    "disig.sk",
    "certsign.ro",
    "netlock.hu",
    "netlock.net",
    "netlock.eu",
    "e-szigno.hu",
    "microsec.hu",
    "microsec.com",
  ],
  ...["kpn.com", "pkioverheid.nl", "e-tugra.com", "kamusm.gov.tr", "tuntrust.tn", "emsign.com", "hongkongpost.gov.hk"],
  ...["cfca.com.cn", "gdca.com.cn", "sheca.com", "itrus.com.cn", "trustasia.com", "bjca.cn", "twca.com.tw"],
  ...["pki.hinet.net", "eca.hinet.net", "secomtrust.net", "navercloudtrust.com", "ecert.gov.hk"],
];

/**
 * The authorities among them whose certificates are recognised, with the organisations that their certificates
 * name as issuers. Sources: each authority's certification practice statement, as the CCADB lists them
 * ("CAA identifiers"); for those of Cloudflare, its page "Certificate authorities".
 */
const ORGANISATIONS: Readonly<Record<string, readonly RegExp[]>> = {
  "letsencrypt.org": [/^Let's Encrypt$/i, /^Internet Security Research Group$/i],
  "pki.goog": [/^Google Trust Services( LLC)?$/i],
  // Cloudflare's own issuing authorities are below SSL.com's root.
  "ssl.com": [/^SSL Corp(oration)?$/i, /^Cloudflare, Inc\.?$/i],
  "sectigo.com": [/^Sectigo\b/i, /^COMODO CA\b/i, /^ZeroSSL$/i, /^cPanel, (Inc|LLC)/i],
  "digicert.com": [/^DigiCert\b/i, /^GeoTrust\b/i, /^thawte\b/i, /^RapidSSL\b/i],
  "amazon.com": [/^Amazon$/i],
  "globalsign.com": [/^GlobalSign\b/i],
  "godaddy.com": [/^GoDaddy\.com\b/i],
  "starfieldtech.com": [/^Starfield Technologies\b/i],
  "entrust.net": [/^Entrust\b/i],
  "certum.pl": [/^Unizeto\b/i, /^Asseco Data Systems\b/i],
  "buypass.com": [/^Buypass\b/i],
  "actalis.it": [/^Actalis\b/i],
  "harica.gr": [/^Hellenic Academic and Research Institutions\b/i, /^Greek Universities Network\b/i],
  "swisssign.com": [/^SwissSign\b/i],
  "telesec.de": [/^Deutsche Telekom Security\b/i, /^T-Systems\b/i],
  "d-trust.net": [/^D-Trust\b/i],
  "identrust.com": [/^IdenTrust\b/i],
  "microsoft.com": [/^Microsoft Corporation$/i],
  "certigna.fr": [/^Dhimyotis$/i, /^Certigna\b/i],
  "trustasia.com": [/^TrustAsia\b/i],
};

/** The CAA name of the authority behind an issuer's organisation; undefined when it is not known here. */
export function caaIdentifier(organisation: string): string | undefined {
  const found = Object.entries(ORGANISATIONS).find(([, names]) => names.some((name) => name.test(organisation.trim())));
  return found?.[0];
}
