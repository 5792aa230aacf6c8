/** RFC 5321 section 4.5.3.1: 64 octets of local part, 254 of address. */
const MAX_LOCAL_PART = 64;
const MAX_ADDRESS = 254;

/** In lower case, as every address of a deployment is; undefined when the domain can have no such address. */
export function ownAddress(asked: string, domain: string): string | undefined {
  const address = asked.toLowerCase();
  const local = address.slice(0, address.lastIndexOf("@"));
  if (address !== `${local}@${domain}` || address.length > MAX_ADDRESS || local.length > MAX_LOCAL_PART)
    return undefined;
  return /^(?!\.)(?!.*\.\.)[a-z0-9.!#$%'*+/=?^_`{|}~-]+(?<!\.)$/.test(local) ? address : undefined;
}
