import type { ClientFile } from "./file";

/** What a command makes: files, a text for the terminal, and the same as data. */
export interface Answer {
  readonly files: readonly ClientFile[];
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}
