import { edgeVerdict } from "./edge-verdict";
import { type BareCr, fieldEnd, hasBareCr, visitFields } from "./header-scan";
import { resultsName } from "./results-name";
import { isAnotherServers } from "./results-value";

/** As long as the name that it replaces, so that nothing moves. */
const RENAMED = new TextEncoder().encode("X-Foreign-Auth-Results");

/** The most results of other servers that are read; further ones are renamed unread. */
const MAX_OTHERS = 100;

/**
 * The message with at most one `Authentication-Results` that can be read as Email Routing's: its own, above everything the
 * sender wrote. Every other field that any reader may take for one is renamed (RFC 8601 §5), unless it plainly names another
 * server. Readers decode more than they should: encoded words (RFC 2047), comments, quotes, control characters, folding. So
 * a field that is not plain is renamed, not decoded.
 *
 * The bytes given are not changed, and copied only when something is renamed. One pass over the header section (three when
 * it has a bare CR), and no memory for each line: so the section needs no size limit behind which a forged field could hide.
 */
export function withoutForgedResults(message: Uint8Array): Uint8Array {
  const verdict = edgeVerdict(message);
  let renamed: Uint8Array | undefined;
  let others = 0;
  const end = scan("dropped");
  if (hasBareCr(message, end)) scan("ends-line");
  return renamed ?? message;

  function scan(bareCr: BareCr): number {
    return visitFields(message, bareCr, (start) => {
      const name = resultsName(message, start, bareCr);
      if (name === undefined || name.start === verdict) return;
      others += 1;
      if (others <= MAX_OTHERS && name.isPlain) {
        const value = name.colon + 1;
        if (isAnotherServers(message, value, fieldEnd(message, value, bareCr))) return;
      }
      renamed ??= new Uint8Array(message);
      renamed.set(RENAMED, name.start);
    });
  }
}
