/** The names by which things without an id of ours are found again in the account. */

/** Of the Access token with this number; the first has none, for there was no second then. */
export function workerTokenName(domain: string, number: number): string {
  return `mail worker ${domain}${number === 1 ? "" : ` ${number}`}`;
}

/** Of the alert before that token ends. */
export function tokenAlertName(domain: string): string {
  return `mail worker token ${domain}`;
}

/** The name of the API token with this number. With it the host proves to the certificate authority that the domain is ours. */
export function certificateTokenName(domain: string, number: number): string {
  return `mail certificates ${domain}${number === 1 ? "" : ` ${number}`}`;
}

export function tunnelName(domain: string): string {
  return `mail ${domain}`;
}

/** Of the policy for the web interface, and of the application in front of one of its paths. */
export function administrationName(domain: string, path?: string): string {
  return ["mail administration", path, domain].filter((part) => part !== undefined).join(" ");
}
