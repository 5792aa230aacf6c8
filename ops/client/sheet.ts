import type { Answer } from "./answer";
import { sheetHtml } from "./sheet-html";
import { sheetText } from "./sheet-text";
import { selfConfiguration, waysIn } from "./ways-in";
import type { ClientSettings } from "./settings";

/** All ways in on one page; undefined when there is none. */
export function sheetAnswer(settings: ClientSettings, address: string): Answer | undefined {
  const ways = waysIn(settings, address);
  if (ways.length === 0) return undefined;
  const own = selfConfiguration(settings, address);
  const text = sheetText(address, ways, own);
  return {
    files: [
      { name: `${address}.html`, content: sheetHtml(address, ways, own) },
      { name: `${address}.txt`, content: text },
    ],
    text,
    json: { waysIn: ways, selfConfiguration: own },
  };
}
