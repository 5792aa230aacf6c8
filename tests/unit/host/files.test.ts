import { composeProject } from "../../../infra/host/compose";
import { SERVICES, type ServiceName, TAILNET_FOLDERS, TAILNET_SERVICES } from "../../../infra/host/layout";
import { documented, documentedFiles, SECRETS } from "./fixtures";

/** Folders that the host makes: the containers write them, or the host's own secrets lie there. */
const MADE = [
  "stalwart/data",
  "stalwart/tls",
  "stalwart/keys",
  "stalwart/secrets/recovery-admin.env",
  "arrivals/keys",
  "traefik/acme",
  ...Object.values(TAILNET_FOLDERS),
];
/** Read anew each time they are needed, so that no restart is due. */
const READ_ANEW = [
  /^traefik\/dynamic\//,
  /^stalwart\/secrets\/.*-password$/,
  /^stalwart\/plan\/.*\.ndjson$/,
  /^tailscale\/config\//,
];

const files = documentedFiles();
const { services } = composeProject(documented(), files);

/** Paths in the apps folder that a service sees. */
function seenBy(service: ServiceName): { readonly path: string; readonly byEnvironment: boolean }[] {
  const { volumes = [], env_file = [] } = services[service] ?? {};
  const mounts = volumes.map(({ source }) => source);
  const isIn = (path: string, mount: string) => `../${path}` === mount || `../${path}`.startsWith(`${mount}/`);
  return files.flatMap(({ path }) => {
    const byEnvironment = env_file.includes(`../${path}`);
    return byEnvironment || mounts.some((mount) => isIn(path, mount)) ? [{ path, byEnvironment }] : [];
  });
}

describe("hostFiles", () => {
  it("has each path once, below a folder of the deployment's own", () => {
    const paths = files.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const path of paths)
      expect(path).toMatch(/^(?:mail-stack|stalwart|traefik|cloudflared|onhost|tailscale|coredns)\/[\w./-]+$/);
    expect(paths.filter((path) => path.includes(".."))).toEqual([]);
  });

  it("is the same for the same settings", () => {
    expect(documentedFiles()).toEqual(files);
  });

  it.each(Object.entries(SECRETS))("shows the secret %s to nobody but the host's user", (_, secret) => {
    const open = files.filter(({ content, mode }) => content.includes(secret) && mode !== "0600");
    expect(open.map(({ path }) => path)).toEqual([]);
  });

  it("ships every secret but the one that opens the host", () => {
    const shipped = (secret: string) => files.some(({ content }) => content.includes(secret));
    const missing = Object.entries(SECRETS).filter(([, secret]) => !shipped(secret));
    expect(missing.map(([name]) => name)).toEqual(["ssh"]);
  });

  it("mounts only what is shipped or made by the host", () => {
    const known = (source: string) =>
      MADE.some((folder) => `../${folder}` === source) ||
      files.some(({ path }) => `../${path}` === source || `../${path}`.startsWith(`${source}/`));
    for (const { volumes } of Object.values(services))
      for (const { source } of volumes) expect([source, known(source)]).toEqual([source, true]);
  });

  it.each([...SERVICES, ...TAILNET_SERVICES])("makes %s anew exactly for what it reads at its start", (service) => {
    const declared = files.filter(({ restarts }) => restarts.includes(service)).map(({ path }) => path);
    const read = seenBy(service).filter(
      ({ path, byEnvironment }) => byEnvironment || !READ_ANEW.some((pattern) => pattern.test(path)),
    );
    // The recovery administrator's environment files are the host's; those of others are nothing to this service.
    const foreign = service === "certificates" ? ["stalwart/secrets/resend.env"] : [];
    expect(declared.sort()).toEqual(
      read
        .map(({ path }) => path)
        .filter((path) => !foreign.includes(path))
        .sort(),
    );
  });
});
