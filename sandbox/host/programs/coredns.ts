import type { Container, Process, Program } from "../docker/container";

/** Answer to a query: what a client of the real one would see. */
export type DnsAnswer = "REFUSED" | "NXDOMAIN" | readonly string[];

/** CoreDNS with one zone from a file; asked by {@link resolve} and not over the wire. */
export const coredns: Program = {
  start(container): Promise<Process> {
    corefile(container);
    return Promise.resolve({
      probe: () => Promise.reject(new Error("CoreDNS' image holds no program that could check")),
      stop: () => Promise.resolve(),
    });
  },
};

/** What a query for a name and type is answered. A zone without its file is there and fails. */
export function resolve(container: Container, name: string, type: string): DnsAnswer | "SERVFAIL" {
  const { zone, file } = corefile(container);
  if (name !== zone && !name.endsWith(`.${zone}`)) return "REFUSED";
  let text: string;
  try {
    text = container.read(file);
  } catch {
    return "SERVFAIL";
  }
  const records = text.split("\n").map((line) => line.split(" "));
  const own = records.filter(([owner]) => owner === `${name}.`);
  if (own.length === 0) return "NXDOMAIN";
  return own.filter(([, , , kind]) => kind === type).map((fields) => fields.slice(4).join(" "));
}

function corefile(container: Container): { readonly zone: string; readonly file: string } {
  const command = container.service.command ?? [];
  const text = container.read(command[command.indexOf("-conf") + 1] ?? "");
  const [, zone, port] = /^([^\s#:]+):(\d+) \{$/m.exec(text) ?? [];
  const [, file] = /^ {4}file (\S+) \{$/m.exec(text) ?? [];
  if (zone === undefined || port !== "53" || file === undefined || !/^ {4}bind 127\.0\.0\.1$/m.test(text))
    throw new Error(`coredns: the sandbox cannot read this Corefile`);
  return { zone, file };
}
