import { visible } from "../../infra/settings/visible";

export interface Writer {
  readonly write: (text: string) => unknown;
}

/** The same place, for text that holds what servers and files say. */
export function plainly(to: Writer): Writer {
  return { write: (text) => to.write(visible(text)) };
}
