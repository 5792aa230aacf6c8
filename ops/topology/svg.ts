import * as dagre from "@dagrejs/dagre";
import { html } from "../html";
import { type Graph, type Node, type Zone, ZONE_TITLES, ZONES } from "./graph";

/** What is used of dagre. Its own types name files without their endings, which TypeScript does not find in an ES module. */
interface Dagre {
  readonly Graph: new () => Layout;
  readonly layout: (graph: Layout) => void;
}
interface Layout {
  setGraph(options: object): void;
  setNode(id: string, size: object): void;
  setEdge(from: string, to: string, label: object): void;
  graph(): { readonly width?: number; readonly height?: number };
  node(id: string): Point;
  edge(from: string, to: string): { readonly points: readonly Point[] } & Partial<Point>;
}
const { Graph: NewLayout, layout } = dagre as unknown as Dagre;

/** Everything in CSS pixels. */
const TITLE_HEIGHT = 20;
const LINE_HEIGHT = 15;
const LABEL_HEIGHT = 14;
const PADDING = 12;
const MARGIN = 14;
const LEGEND_HEIGHT = 34;
const LEGEND_WIDTH = 170;
const GAP = { nodesep: 34, edgesep: 22, ranksep: 30 } as const;
/** Wider than a character of the usual fonts: no text is wider than its box. */
const CHARACTER_WIDTH = { title: 8.6, line: 6.7 } as const;

const COLOURS: Readonly<Record<Zone, { readonly fill: string; readonly stroke: string }>> = {
  outside: { fill: "#f4f6f8", stroke: "#8a94a0" },
  cloudflare: { fill: "#fff5eb", stroke: "#c05621" },
  home: { fill: "#ebf8f0", stroke: "#2f855a" },
};

const STYLE = [
  "svg{background:#fff}",
  ...ZONES.map((zone) => `.${zone}{fill:${COLOURS[zone].fill};stroke:${COLOURS[zone].stroke};stroke-width:1.5}`),
  ".e{fill:none;stroke:#4a5568;stroke-width:1.4}",
  ".t{font-size:14px;font-weight:600;text-anchor:middle;fill:#1a202c}",
  ".s{font-size:12px;text-anchor:middle;fill:#4a5568}",
  // The background's colour around the letters keeps a line from running through them.
  ".l{paint-order:stroke;stroke:#fff;stroke-width:5px;stroke-linejoin:round}",
  ".k{font-size:12px;fill:#4a5568}",
].join("");

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Placed {
  readonly size: { readonly width: number; readonly height: number };
  readonly nodes: readonly {
    readonly node: Node;
    readonly at: Point;
    readonly width: number;
    readonly height: number;
  }[];
  readonly edges: readonly { readonly label: string; readonly at: Point; readonly points: readonly Point[] }[];
}

/** The graph as a picture of its own, without script or font from elsewhere. The same graph always gives the same bytes. */
export function renderSvg(graph: Graph, title: string): string {
  const { size, nodes, edges } = place(graph);
  const zones = ZONES.filter((zone) => nodes.some(({ node }) => node.zone === zone));
  const width = round(Math.max(size.width, zones.length * LEGEND_WIDTH) + 2 * MARGIN);
  const height = round(size.height + LEGEND_HEIGHT + 2 * MARGIN);
  const name = html(title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" role="img" aria-label="${name}">`,
    `<title>${name}</title>`,
    `<style>${STYLE}</style>`,
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#4a5568"/></marker></defs>',
    ...zones.map(legend),
    `<g transform="translate(${MARGIN} ${MARGIN + LEGEND_HEIGHT})">`,
    ...edges.map(({ points }) => `<path class="e" d="${pathThrough(points)}" marker-end="url(#a)"/>`),
    ...nodes.map(boxOf),
    ...edges.flatMap(({ label, at }) =>
      label === "" ? [] : [textAt("s l", at.x, at.y + LABEL_HEIGHT / 2 - 3, label)],
    ),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function place({ nodes, edges }: Graph): Placed {
  const drawing = new NewLayout();
  drawing.setGraph({ rankdir: "TB", ...GAP });
  const sizes = new Map(nodes.map((node) => [node.id, sizeOf(node)]));
  for (const { id } of nodes) drawing.setNode(id, { ...sizes.get(id) });
  for (const { from, to, label } of edges) {
    const width = label === "" ? 0 : label.length * CHARACTER_WIDTH.line;
    drawing.setEdge(from, to, { width, height: label === "" ? 0 : LABEL_HEIGHT, labelpos: "c" });
  }
  for (const { from, to } of leashes({ nodes, edges })) drawing.setEdge(from, to, { width: 0, height: 0 });
  layout(drawing);
  const { width = 0, height = 0 } = drawing.graph();
  return {
    size: { width, height },
    nodes: nodes.map((node) => ({
      node,
      at: drawing.node(node.id),
      ...(sizes.get(node.id) ?? { width: 0, height: 0 }),
    })),
    edges: edges.map(({ from, to, label }) => {
      const { points, x = 0, y = 0 } = drawing.edge(from, to);
      return { label, at: { x, y }, points };
    }),
  };
}

/** Ties that are not drawn: a box without arrows stays with those of its zone. */
function leashes({ nodes, edges }: Graph): { from: string; to: string }[] {
  const isTied = ({ id }: Node) => edges.some(({ from, to }) => from === id || to === id);
  return nodes
    .filter((node) => !isTied(node))
    .flatMap(({ id, zone }) => {
      const companion = nodes.find((node) => node.zone === zone && isTied(node));
      return companion === undefined ? [] : [{ from: companion.id, to: id }];
    });
}

function sizeOf({ title, lines }: Node): { width: number; height: number } {
  const widths = [title.length * CHARACTER_WIDTH.title, ...lines.map((line) => line.length * CHARACTER_WIDTH.line)];
  return {
    width: Math.ceil(Math.max(...widths)) + 2 * PADDING,
    height: TITLE_HEIGHT + lines.length * LINE_HEIGHT + PADDING,
  };
}

function boxOf({ node, at, width, height }: Placed["nodes"][number]): string {
  const top = at.y - height / 2;
  const corner = `x="${round(at.x - width / 2)}" y="${round(top)}"`;
  return [
    `<rect class="${node.zone}" ${corner} width="${round(width)}" height="${round(height)}" rx="6"/>`,
    textAt("t", at.x, top + TITLE_HEIGHT, node.title),
    ...node.lines.map((line, index) => textAt("s", at.x, top + TITLE_HEIGHT + (index + 1) * LINE_HEIGHT, line)),
  ].join("");
}

function legend(zone: Zone, index: number): string {
  const x = MARGIN + index * LEGEND_WIDTH;
  return (
    `<rect class="${zone}" x="${x}" y="${MARGIN}" width="16" height="16" rx="3"/>` +
    `<text class="k" x="${x + 24}" y="${MARGIN + 12}">${html(ZONE_TITLES[zone])}</text>`
  );
}

/** Straight at both ends, and round at the points between. */
function pathThrough(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return "";
  const bends = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] ?? last;
    return `Q${pair(point)} ${pair({ x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 })}`;
  });
  return `M${pair(first)}${bends.join("")}L${pair(last)}`;
}

function textAt(style: string, x: number, y: number, text: string): string {
  return `<text class="${style}" x="${round(x)}" y="${round(y)}">${html(text)}</text>`;
}

function pair({ x, y }: Point): string {
  return `${round(x)} ${round(y)}`;
}

/** A tenth of a pixel; the last bits of a division are no difference. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
