import { BlockList } from "node:net";

import { composeFile, composeProject, FILES_LABEL, filesDigest } from "../../../infra/host/compose";
import type { HostFile } from "../../../infra/host/file";
import { addresses, SERVICES, TAILNET_SERVICES } from "../../../infra/host/layout";
import { expectGolden } from "../../golden";
import { documented, documentedFiles, EDGE_SECRETS } from "./fixtures";

const settings = documented();
const ALL = [...SERVICES, ...TAILNET_SERVICES];

/** The label of each service. */
function labels(files: readonly HostFile[]): Readonly<Record<string, string>> {
  const { services } = composeProject(settings, files);
  return Object.fromEntries(ALL.map((name) => [name, services[name]?.labels?.[FILES_LABEL] ?? ""]));
}

/** Services whose label is another one. */
function remade(files: readonly HostFile[]): readonly string[] {
  const [before, after] = [labels(documentedFiles()), labels(files)];
  return ALL.filter((name) => before[name] !== after[name]);
}

function changed(path: string, change: Partial<HostFile>): readonly HostFile[] {
  const files = documentedFiles();
  expect(files.map((file) => file.path)).toContain(path);
  return files.map((file) => (file.path === path ? { ...file, ...change } : file));
}

describe("composeFile", () => {
  it("prints the documented deployment", () => {
    const { path, mode, content } = composeFile(settings, documentedFiles());
    expect({ path, mode }).toEqual({ path: "mail-stack/compose.yaml", mode: "0600" });
    expectGolden("host/compose.yaml", content.replaceAll(/(mail-stack\.files: )[0-9a-f]{64}/g, "$1DIGEST"));
  });

  it.each([
    ["cloudflared/token", ["cloudflared"]],
    ["traefik/traefik.yaml", ["traefik"]],
    ["traefik/dynamic/mail.yaml", []],
    ["traefik/plugins-local/src/mail-stack/clientaddress/clientaddress.go", ["traefik"]],
    ["traefik/secrets/cloudflare-dns-token", ["traefik"]],
    ["stalwart/config.json", ["stalwart"]],
    ["stalwart/plan/plan.ndjson", []],
    ["stalwart/secrets/resend.env", ["stalwart"]],
    ["tailscale/secrets/authkey", ["tailscale"]],
    ["tailscale/config/serve.json", []],
    ["coredns/Corefile", ["coredns"]],
    ["onhost/onhost.cjs", ["certificates", "arrivals", "zone"]],
  ])("makes anew for a change of %s only %j", (path, services) => {
    expect(remade(changed(path, { content: "another" }))).toEqual(services);
    expect(remade(changed(path, { mode: "0755" }))).toEqual(services);
  });

  it("makes anew what a file is taken away from", () => {
    expect(remade(documentedFiles().filter(({ path }) => path !== "cloudflared/token"))).toEqual(["cloudflared"]);
  });

  it("makes nothing anew for another order of the files", () => {
    expect(remade([...documentedFiles()].reverse())).toEqual([]);
  });

  it("tells a moved boundary between files from none", () => {
    const file = (path: string, content: string): HostFile => ({
      path,
      content,
      mode: "0644",
      why: "",
      restarts: ["traefik"],
    });
    const digests = [[file("a", "bc")], [file("ab", "c")], [file("a", "b"), file("c", "")]].map((files) =>
      filesDigest("traefik", files),
    );
    expect(new Set(digests).size).toBe(3);
  });
});

describe("the networks", () => {
  const at = addresses(settings.host.subnet);
  const { services, networks } = composeProject(settings, documentedFiles(settings, EDGE_SECRETS));

  it.each(["edge", "mail"] as const)("gives each of %s a place of its own, none of them to be handed out", (name) => {
    const { subnet, gateway, dynamic } = at[name];
    expect(networks[name]?.ipam.config).toEqual([{ subnet, gateway, ip_range: dynamic }]);
    const fixed = Object.values(services).flatMap((service) => service.networks?.[name]?.ipv4_address ?? []);
    const all = [gateway, ...fixed];
    expect(new Set(all).size).toBe(all.length);
    for (const address of all) {
      expect([address, isIn(subnet, address), isIn(dynamic, address)]).toEqual([address, true, false]);
    }
  });

  it("lets cloudflared reach Traefik and not Stalwart", () => {
    const networksOf = (name: string) => Object.keys(services[name]?.networks ?? {});
    expect(networksOf("cloudflared")).toEqual(["edge"]);
    expect(networksOf("traefik")).toEqual(["edge", "mail"]);
    for (const name of ["stalwart", "certificates", "onhost", "stalwart-cli"])
      expect(networksOf(name)).toEqual(["mail"]);
  });
});

function isIn(network: string, address: string): boolean {
  const [base = "", length] = network.split("/");
  const list = new BlockList();
  list.addSubnet(base, Number(length));
  return list.check(address);
}
