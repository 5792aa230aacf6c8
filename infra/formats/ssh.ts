/** What OpenSSH's client connects to when no port is named. */
const USUAL_PORT = 22;

/** A line of a known_hosts file (sshd(8)): the name is in brackets when the port is not the usual one. `key`: type and base64. */
export function knownHostsLine(address: string, port: number, key: string): string {
  const name = port === USUAL_PORT ? address : `[${address}]:${port}`;
  if (/[\s,*?!|#]/.test(name) || /[\r\n]/.test(key))
    throw new Error("The host's name or key cannot be written into known_hosts.");
  return `${name} ${key}\n`;
}

/**
 * An option for `ssh -o` whose value is a path (ssh_config(5)): between double quotes blanks are part of the path, and `%` begins a
 * token.
 *
 * @throws Error for a path with a quotation mark, a backslash, a line break or `${`, which ssh reads as something else
 */
export function sshPathOption(name: string, path: string): string {
  if (/["\\\r\n]|\$\{/.test(path)) throw new Error(`ssh cannot be given the path ${JSON.stringify(path)}.`);
  return `${name}="${path.replaceAll("%", "%%")}"`;
}
