import { visible } from "../../infra/settings/visible";

export interface Writer {
  readonly write: (text: string) => unknown;
}

/** The same place, for text that comes from servers and files. */
export function plainly(to: Writer): Writer {
  return { write: (text) => to.write(visible(text)) };
}
