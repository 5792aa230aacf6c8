/** A message that should be there, and one that is; both have the same bytes. `mailboxes`: ids on the server. */
export interface Placed {
  readonly id: string;
  readonly mailboxes: readonly string[];
}

/**
 * Which of the messages that are there stands for which that should be: the one in exactly its mailboxes first, then any
 * that no other needs. No message stands for two. By the wanted one's id; those without a partner are missing.
 */
export function partners<Have extends Placed>(
  wanted: readonly Placed[],
  have: readonly Have[],
): ReadonlyMap<string, Have> {
  const free = new Set(have);
  const found = new Map<string, Have>();
  for (const isGoodEnough of [isInSame, () => true])
    for (const { id, mailboxes } of wanted) {
      if (found.has(id)) continue;
      const partner = [...free].find((one) => isGoodEnough(one.mailboxes, mailboxes));
      if (partner === undefined) continue;
      free.delete(partner);
      found.set(id, partner);
    }
  return found;
}

function isInSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((id) => other.includes(id));
}

/** What must be added; an import takes nothing away that someone has done since. */
export function missing(wanted: readonly string[], have: readonly string[]): readonly string[] {
  return wanted.filter((name) => !have.includes(name));
}
