import { refusedIssuers, servedIssuers, type WebsitePlace } from "../../infra/served-issuers";
import type { InTheWay } from "./findings";
import { isProps, textOf } from "./props";
import { TYPE } from "./types";
import type { Preview } from "./wanted";

/** Websites whose next certificate the program's CAA records would refuse. Asks the websites themselves. */
export async function refusedWebsites(
  { wanted, kept }: Preview,
  stack: string,
  place?: WebsitePlace,
): Promise<readonly InTheWay[]> {
  const issuers = new Map<string, string[]>();
  for (const { type, inputs } of [...wanted, ...kept]) {
    const { data } = inputs;
    if (type !== TYPE.record || inputs["type"] !== "CAA" || !isProps(data) || data["tag"] !== "issue") continue;
    const domain = textOf(inputs["name"]);
    issuers.set(domain, [...(issuers.get(domain) ?? []), textOf(data["value"])]);
  }
  const found = await Promise.all(
    [...issuers].map(async ([domain, named]) =>
      refusedIssuers(named, await servedIssuers(domain, place), stack).map(({ fact, next }) => ({
        ...{ label: `CAA ${domain} ${named.join(", ")}`, why: fact, mend: next },
      })),
    ),
  );
  return found.flat();
}
