import { tagsOf } from "./tags";

/** The values that RFC 9989 allows for each tag; what it does not know is ignored there and here. */
const VALUES: Readonly<Record<string, RegExp>> = {
  p: /^(none|quarantine|reject)$/i,
  sp: /^(none|quarantine|reject)$/i,
  np: /^(none|quarantine|reject)$/i,
  adkim: /^[rs]$/i,
  aspf: /^[rs]$/i,
  fo: /^[01ds](:[01ds])*$/i,
  psd: /^[ynu]$/i,
  t: /^[yn]$/i,
};
const MAILTO = /^mailto:[^@\s,;!]+@[A-Za-z0-9.-]+(![0-9]+[kmgt]?)?$/i;

/** What a receiver could not read in a DMARC record (RFC 9989 section 4.7); empty when it is fine. */
export function dmarcFaults(text: string): readonly string[] {
  if (!/^v\s*=\s*DMARC1\s*(;|$)/.test(text)) return ["it does not begin with v=DMARC1;"];
  const tags = tagsOf(text);
  if (tags === undefined) return ["it is no list of tags, or has one twice"];
  const faults = [...tags].flatMap(([name, value]) => {
    const allowed = VALUES[name];
    return allowed === undefined || allowed.test(value) ? [] : [`${name}=${value} is no value of ${name}`];
  });
  for (const name of ["rua", "ruf"])
    for (const uri of tags.get(name)?.split(",") ?? [])
      if (!MAILTO.test(uri.trim())) faults.push(`${name} has ${uri.trim()}, which is no mailto address`);
  return tags.has("p") ? faults : [...faults, "it has no policy (p)"];
}

/** RFC 8460 section 3. */
export function tlsReportFaults(text: string): readonly string[] {
  if (!/^v=TLSRPTv1\s*;/.test(text)) return ["it does not begin with v=TLSRPTv1;"];
  const rua = tagsOf(text)?.get("rua");
  if (rua === undefined) return ["it has no address (rua)"];
  return rua
    .split(",")
    .map((uri) => uri.trim())
    .filter((uri) => !MAILTO.test(uri) && !/^https:\/\/\S+$/.test(uri))
    .map((uri) => `rua has ${uri}, which is neither mailto nor https`);
}
