/** What happened to one message on its way, hop by hop, for the report and for the reason of a failure. */
export interface Trace {
  hop(text: string): void;
  readonly hops: readonly string[];
}

export function newTrace(): Trace {
  const hops: string[] = [];
  return { hops, hop: (text) => void hops.push(text) };
}
