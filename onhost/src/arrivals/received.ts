/**
 * How many `Received` fields from the top may be the Worker's: its own is the first, or the second where the mail server
 * adds one. A message that was forwarded and came back has the Worker's earlier field further down, and is another message.
 */
const TOP_FIELDS = 2;

/**
 * Whether one of the traces is the id of a `Received` field (RFC 5321 §4.4) at the top of the message.
 *
 * @param fields raw values of the `Received` fields, from the top
 */
export function hasTrace(fields: readonly string[], traces: readonly string[]): boolean {
  return fields.slice(0, TOP_FIELDS).some((field) => {
    const [stamp = ""] = field.split(";", 1);
    const words = stamp.split(/[\s<>]+/);
    return words.some((word, index) => word.toLowerCase() === "id" && traces.includes(words[index + 1] ?? ""));
  });
}
