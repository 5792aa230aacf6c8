/**
 * Certificate authorities by the name that a CAA record has for them (RFC 8659 section 4.2), with the organisations that stand
 * as issuers in their certificates. Sources: each authority's certification practice statement, as the CCADB lists them
 * ("CAA identifiers"); for those of Cloudflare, its page "Certificate authorities".
 */
const AUTHORITIES: Readonly<Record<string, readonly RegExp[]>> = {
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

/** The CAA name of the authority behind an issuer's organisation; undefined: it is not known here. */
export function caaIdentifier(organisation: string): string | undefined {
  const found = Object.entries(AUTHORITIES).find(([, names]) => names.some((name) => name.test(organisation.trim())));
  return found?.[0];
}
