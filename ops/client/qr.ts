import { encode } from "uqr";

/** Modules of white around the code (ISO/IEC 18004 section 6.3.8). */
const QUIET_ZONE = 4;

/**
 * A QR code for a terminal: two rows of modules in each line of text. Dark modules are blank and light ones are full blocks,
 * as terminals are mostly dark.
 *
 * @param invert for a terminal with a light background
 */
export function terminalQr(text: string, invert = false): string {
  const { data } = encode(text, { ecc: "M", border: QUIET_ZONE });
  const lines: string[] = [];
  for (let row = 0; row < data.length; row += 2)
    lines.push(
      (data[row] ?? [])
        .map((isDark, column) => block(isDark === invert, (data[row + 1]?.[column] ?? false) === invert))
        .join(""),
    );
  return `${lines.join("\n")}\n`;
}

function block(isTopLit: boolean, isBottomLit: boolean): string {
  if (isTopLit) return isBottomLit ? "█" : "▀";
  return isBottomLit ? "▄" : " ";
}
