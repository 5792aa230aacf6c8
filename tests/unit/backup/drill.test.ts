import { drillProject } from "../../../infra/backup/drill";

const { services } = drillProject() as {
  readonly services: Readonly<
    Record<string, { readonly network_mode?: string; readonly networks?: unknown; readonly ports?: unknown }>
  >;
};

it("the drill's containers have no way out: Stalwart has no network, and the comparison is in the same", () => {
  const modes = Object.entries(services).map(([name, service]) => [name, service.network_mode]);
  expect(Object.fromEntries(modes)).toEqual({ stalwart: "none", check: "none", compare: "service:stalwart" });
  for (const { networks, ports } of Object.values(services)) expect({ networks, ports }).toEqual({});
});

it("writes to nothing but the restored store", () => {
  const volumes = Object.values(services as Record<string, { volumes: { source: string; read_only: boolean }[] }>)
    .flatMap((service) => service.volumes)
    .filter((volume) => !volume.read_only);
  expect(volumes.map(({ source }) => source)).toEqual(["../restore/drill/stalwart-data"]);
});
