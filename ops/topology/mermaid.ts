import { oneLine } from "../../infra/settings/visible";
import { type Graph, ZONE_TITLES, ZONES } from "./graph";

/** The graph as Mermaid's flowchart, which GitHub draws where a page has it in a fence. */
export function renderMermaid({ nodes, edges }: Graph): string {
  const groups = ZONES.flatMap((zone) => {
    const inside = nodes.filter((node) => node.zone === zone);
    const lines = inside.map(
      ({ id, title, lines: words }) => `    ${id}["${[title, ...words].map(escaped).join("<br>")}"]`,
    );
    return lines.length === 0 ? [] : [`  subgraph ${zone}["${ZONE_TITLES[zone]}"]`, ...lines, "  end"];
  });
  const arrows = edges.map(
    ({ from, to, label }) => `  ${from} -->${label === "" ? "" : `|"${escaped(label)}"|`} ${to}`,
  );
  return `${["flowchart LR", ...groups, ...arrows].join("\n")}\n`;
}

/** Mermaid's own form of entities. */
function escaped(text: string): string {
  return oneLine(text).replace(/["<>&#;`]/g, (character) => `#${character.charCodeAt(0)};`);
}
