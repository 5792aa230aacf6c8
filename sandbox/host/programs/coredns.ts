import { createSocket } from "node:dgram";

import { answerTo, NOERROR, NXDOMAIN, parseQuestion, REFUSED, SERVFAIL, TYPES } from "../../dns-message";
import type { Container, Process, Program } from "../docker/container";

const DNS_PORT = 53;

/** CoreDNS with one zone from a file, asked by UDP. */
export const coredns: Program = {
  async start(container): Promise<Process> {
    corefile(container);
    const socket = createSocket("udp4", (query, { address, port }) => {
      const answer = answered(container, query);
      if (answer) socket.send(answer, port, address);
    });
    await new Promise<void>((resolve, reject) =>
      socket.once("error", reject).bind(0, "127.0.0.1", () => {
        resolve();
      }),
    );
    const ports = new Map([[DNS_PORT, socket.address().port]]);
    return {
      datagrams: () => ports,
      probe: () => Promise.reject(new Error("CoreDNS' image holds no program that could check")),
      stop: () => new Promise((resolve) => socket.close(() => resolve())),
    };
  },
};

/** Undefined for what is no query. A zone without its file is there and fails; what the zone does not have has no data. */
function answered(container: Container, query: Buffer): Buffer | undefined {
  const asked = parseQuestion(query);
  if (asked === undefined) return undefined;
  const { name, type } = asked;
  const { zone, file } = corefile(container);
  if (name !== zone && !name.endsWith(`.${zone}`)) return answerTo(query, REFUSED, []);
  const own = recordsOf(container, file)?.filter(([owner]) => owner === `${name}.`);
  if (own === undefined) return answerTo(query, SERVFAIL, []);
  if (own.length === 0) return answerTo(query, NXDOMAIN, []);
  const addresses = own.flatMap(([, , , kind, data = ""]) => (kind === "A" ? [data] : []));
  return answerTo(query, NOERROR, type === TYPES.A ? addresses : []);
}

/** Each record in its fields; undefined while there is no file. */
function recordsOf(container: Container, file: string): readonly (readonly string[])[] | undefined {
  try {
    return container
      .read(file)
      .split("\n")
      .map((line) => line.split(" "));
  } catch {
    return undefined;
  }
}

function corefile(container: Container): { readonly zone: string; readonly file: string } {
  const command = container.service.command ?? [];
  const text = container.read(command[command.indexOf("-conf") + 1] ?? "");
  const [, zone, port] = /^([^\s#:]+):(\d+) \{$/m.exec(text) ?? [];
  const [, file] = /^ {4}file (\S+) \{$/m.exec(text) ?? [];
  if (zone === undefined || port !== String(DNS_PORT) || file === undefined || !/^ {4}bind 127\.0\.0\.1$/m.test(text))
    throw new Error(`coredns: the sandbox cannot read this Corefile`);
  return { zone, file };
}
