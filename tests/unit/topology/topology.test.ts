import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { XMLValidator } from "fast-xml-parser";
import { hostFiles } from "../../../infra/host/files";
import type { HostFile } from "../../../infra/host/file";
import { publicSettings } from "../../../ops/public-settings";
import { run } from "../../../ops/topology";
import { type Graph, graphOf } from "../../../ops/topology/graph";
import { renderMermaid } from "../../../ops/topology/mermaid";
import type { Resource } from "../../../ops/topology/resources";
import { declaredResources } from "../../../ops/topology/resources";
import { renderSvg } from "../../../ops/topology/svg";
import { staleWholeFiles } from "../../../tools/generate";

const settings = publicSettings("prod");
let resources: readonly Resource[];
let files: readonly HostFile[];

beforeAll(async () => {
  resources = await declaredResources(settings, "prod");
  files = hostFiles(settings, {
    tunnelToken: "x",
    acmeDnsToken: "x",
    backupKey: { accessKeyId: "x", secretAccessKey: "x" },
    tailnetKey: "x",
  });
});

const without = (name: string) => resources.filter((resource) => resource.name !== name);
const arrows = ({ edges }: Graph) => edges.map(({ from, to, label }) => `${from} -> ${to} ${label}`.trim());
const boxes = ({ nodes }: Graph) => nodes.map(({ id }) => id);

test("docs/topology.svg and docs/topology.md show what the program declares", async () => {
  expect([...(await staleWholeFiles()).keys()]).toEqual([]);
});

test("the way of a message is that of the declared resources", () => {
  expect(arrows(graphOf(resources, files))).toEqual(
    expect.arrayContaining([
      "sender -> routing SMTP",
      "routing -> worker_mail_inbound message",
      "worker_mail_inbound -> access_service JMAP",
      "access_service -> tunnel",
      "tunnel -> cloudflared",
      "cloudflared -> traefik HTTP, TCP",
      "traefik -> stalwart",
      "stalwart -> relay SMTP",
      "worker_mail_inbound -> bucket_mail_spool_augustin_ai while home is away",
    ]) as unknown,
  );
});

test.each([
  ["the catch-all", "routing-catch-all", "sender -> routing SMTP"],
  ["the Worker", "inbound", "routing -> worker_mail_inbound message"],
  ["the Worker's application", "access-application", "worker_mail_inbound -> access_service JMAP"],
  ["the ingress rules", "tunnel-ingress", "tunnel -> cloudflared"],
  ["the bucket", "spool-bucket", "worker_mail_inbound -> bucket_mail_spool_augustin_ai while home is away"],
  ["the tailnet", "tailnet-key", "phone -> tailscale IMAP, submission"],
  ["the certificates' token", "certificates-token", "traefik -> dns certificate (DNS-01)"],
])("without %s its arrow is gone", (_, name, arrow) => {
  expect(arrows(graphOf(resources, files))).toContain(arrow);
  expect(without(name)).toHaveLength(resources.length - 1);
  expect(arrows(graphOf(without(name), files))).not.toContain(arrow);
});

test("without an application in front the Worker goes straight into the tunnel, and the picture says so", () => {
  expect(arrows(graphOf(without("access-application"), files))).toContain("worker_mail_inbound -> tunnel JMAP");
});

test("a container is drawn only when the compose file has it", () => {
  const compose = (file: HostFile) => file.path.endsWith("/compose.yaml");
  const changed = files.map((file) => (compose(file) ? { ...file, content: "services:\n  traefik: {}\n" } : file));
  const home = graphOf(resources, changed).nodes.filter(({ zone }) => zone === "home");
  expect(home.map(({ id }) => id)).toEqual(["traefik"]);
  expect(boxes(graphOf(resources, files))).toEqual(
    expect.arrayContaining(["cloudflared", "tailscale", "traefik", "stalwart", "beside"]) as unknown,
  );
});

test("the picture does not depend on the order in which the program registers", () => {
  const picture = renderSvg(graphOf(resources, files), "x");
  const shuffled = fc.shuffledSubarray([...resources], { minLength: resources.length });
  fc.assert(
    fc.property(shuffled, (order) => renderSvg(graphOf(order, files), "x") === picture),
    { numRuns: 20 },
  );
});

test("the picture is XML of its own, has every box, and no secret", () => {
  const graph = graphOf(resources, files);
  const svg = renderSvg(graph, 'a "quoted" <title> & more');
  expect(XMLValidator.validate(svg)).toBe(true);
  expect(svg.match(/<rect /g)).toHaveLength(graph.nodes.length + 3);
  expect(svg.match(/<path class="e"/g)).toHaveLength(graph.edges.length);
  expect(svg).not.toMatch(/<script|href|url\((?!#)|NaN|undefined/);
  for (const text of [svg, renderMermaid(graph)]) expect(text).not.toMatch(/answered|stand-in|PRIVATE KEY/);
});

test("boxes do not overlap, and each text fits its box", () => {
  const svg = renderSvg(graphOf(resources, files), "x");
  const rects = [
    ...svg.matchAll(/<rect class="\w+" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" rx="6"/g),
  ].map((match) => match.slice(1).map(Number) as [number, number, number, number]);
  expect(rects.length).toBeGreaterThan(10);
  for (const [index, [x, y, width, height]] of rects.entries())
    for (const [left, top, wide, high] of rects.slice(index + 1))
      expect(x + width < left || left + wide < x || y + height < top || top + high < y).toBe(true);
});

test("what a name holds cannot break the Mermaid text", () => {
  const nodes = [{ id: "a", zone: "home" as const, title: 'x"]; click a "javascript:1"', lines: ["<b>"] }];
  expect(renderMermaid({ nodes, edges: [] })).toBe(
    'flowchart LR\n  subgraph home["Home: no open port"]\n    a["x#34;]#59; click a #34;javascript:1#34;<br>#60;b#62;"]\n  end\n',
  );
});

describe("npm run topology", () => {
  const folder = mkdtempSync(join(tmpdir(), "topology-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("writes a picture, text or JSON", async () => {
    const file = join(folder, "t.svg");
    expect(await run(["prod", "--svg", file])).toEqual({ code: 0, stdout: `written  ${file}\n` });
    expect(readFileSync(file, "utf8")).toBe(readFileSync(join(__dirname, "../../../docs/topology.svg"), "utf8"));
    expect(await run(["prod", "--svg", join(folder, "none", "t.svg")])).toMatchObject({ code: 1 });
    expect(existsSync(join(folder, "none"))).toBe(false);
    expect((await run(["prod"])).stdout).toBe(renderMermaid(graphOf(resources, files)));
    expect(JSON.parse((await run(["prod", "--json"])).stdout ?? "")).toEqual(graphOf(resources, files));
  });

  test.each([[[]], [["prod", "x"]], [["prod", "--json", "--svg", "x"]], [["prod", "--png"]]])(
    "wrong usage: %j",
    async (args) =>
      expect(await run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining("Usage:") as string }),
  );

  test("names a stack that is not there", async () => {
    expect(await run(["none"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Pulumi.none.yaml") as string,
    });
  });
});
