import { type OriginRequest, type OriginResponse, OriginError } from "../origin";
import type { Service } from "./compose-file";
import type { Neighbours, Process } from "./container";

/** A container that was made, and its main process while it runs. */
interface Node {
  readonly service: Service;
  readonly process: Process | undefined;
}

/** What a container reaches of the others: those that are on a network of its own, by name or address. */
export function neighboursOf(asker: Service, all: () => Iterable<Node>): Neighbours {
  return { request, port, datagrams, ports };

  async function request(host: string, port: number, asked: OriginRequest): Promise<OriginResponse> {
    const unreachable = "Unable to reach the origin service: dial tcp: ";
    const found = named(host);
    const network = found && shared(asker, found.service);
    // The name of a container that is stopped is unknown, as that of one that never was.
    if (!found?.process || network === undefined) throw new OriginError(`${unreachable}lookup ${host}: no such host`);
    const to = { address: found.service.networks[network], port, from: asker.networks[network] };
    const answer = found.process.http?.(to, asked);
    if (!answer) throw new OriginError(`${unreachable}connect ${host}:${port}: connection refused`);
    return await answer;
  }

  function port(host: string, port: number): number | undefined {
    return named(host)?.process?.ports?.().get(port);
  }

  function datagrams(port: number): number | undefined {
    return [...all()]
      .filter(({ service }) => service.networkMode === `service:${asker.name}`)
      .map(({ process }) => process?.datagrams?.().get(port))
      .find((loopback) => loopback !== undefined);
  }

  function ports(): Readonly<Record<string, number>> {
    const reached = [...all()].filter(({ service }) => shared(asker, service) !== undefined);
    const pairs = reached.flatMap(({ service, process }) =>
      [...(process?.ports?.() ?? [])].map(([port, loopback]) => [`${service.name}:${port}`, loopback] as const),
    );
    return Object.fromEntries(pairs);
  }

  /** The container of that name or address, if it is on a network of the asker's. */
  function named(host: string): Node | undefined {
    const isIt = ({ service }: Node) => service.name === host || Object.values(service.networks).includes(host);
    const found = [...all()].find(isIt);
    return found && shared(asker, found.service) !== undefined ? found : undefined;
  }
}

/** A network that both are on. */
function shared(one: Service, other: Service): string | undefined {
  return Object.keys(one.networks).find((network) => network in other.networks);
}
