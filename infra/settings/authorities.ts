/**
 * Names that certificate authorities look for in CAA records (RFC 8659 section 4.2), as they publish them in the Common CA
 * Database and in their practice statements. A name that no authority looks for forbids everybody to issue.
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
