import { Fault } from "./fault";
import type { PlanLine } from "./plan-line";
import type { Registry } from "./registry";

/**
 * Takes away every DKIM signature of a domain that the plan does not have: Stalwart signs with all of them, and
 * one whose record is withdrawn would not verify. Signatures of other domains are nobody's business here.
 *
 * @returns the selectors that are gone
 */
export async function retireSignatures(
  domain: string,
  plan: readonly PlanLine[],
  registry: Registry,
): Promise<readonly string[]> {
  const wanted = new Set(
    plan.flatMap((line) =>
      line["@type"] === "upsert" && line.object === "DkimSignature"
        ? Object.values(line.value).map(({ selector }) => selector)
        : [],
    ),
  );
  // An empty list would be a plan that is not understood, and not one without signatures.
  if (wanted.size === 0) return [];
  const ours = (await registry.get("Domain")).find(({ name }) => name === domain);
  if (ours === undefined) return [];
  const former = (await registry.get("DkimSignature")).filter(
    ({ domainId, selector }) => domainId === ours.id && !wanted.has(selector),
  );
  if (former.length === 0) return [];
  const { refused } = await registry.set("DkimSignature", { destroy: former.map(({ id }) => id) });
  const [refusal] = Object.values(refused);
  if (refusal !== undefined)
    throw new Fault(
      `Stalwart keeps a former DKIM signature: ${refusal.description || refusal.type}`,
      "Mail is signed with the former key too; that is harmless while its record is published.",
      "Run pulumi up again.",
    );
  return former.map(({ selector }) => String(selector));
}
