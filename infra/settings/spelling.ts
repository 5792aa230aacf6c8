import { distance } from "fastest-levenshtein";
import { KEYS, type KeyName } from "./keys";

/** The key that a misspelt one was most likely meant to be: at most a third of its letters differ, case aside. */
export function nearestKey(name: string): KeyName | undefined {
  // Longer than any key: measuring would cost time and find nothing.
  if (name.length > 64) return undefined;
  return nearest(name, Object.keys(KEYS).filter(isKeyName));
}

/** The candidate nearest to a text, if it is near enough to be meant. */
export function nearest<T extends string>(text: string, candidates: readonly T[]): T | undefined {
  const scored = candidates
    .map((candidate) => ({ candidate, edits: distance(text.toLowerCase(), candidate.toLowerCase()) }))
    // People drop the end of a word rather than change its beginning: imap is imaps, not jmap.
    .sort((a, b) => a.edits - b.edits || Number(b.candidate.startsWith(text)) - Number(a.candidate.startsWith(text)));
  const best = scored[0];
  return best !== undefined && best.edits <= Math.max(1, Math.floor(best.candidate.length / 3))
    ? best.candidate
    : undefined;
}

export function isKeyName(name: string): name is KeyName {
  return Object.hasOwn(KEYS, name);
}
