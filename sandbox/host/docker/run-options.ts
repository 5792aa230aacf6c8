import type { Arguments } from "./arguments";
import type { Service } from "./compose-file";

/** A service as `docker compose run` starts it: `--volume` adds mounts, `--env` beats what the compose file says. */
export function withOptions(service: Service, { volumes, variables }: Arguments): Service {
  const mounts = volumes.map((volume) => {
    const [source = "", target = ""] = volume.split(":");
    return { source, target, readOnly: false };
  });
  const pairs = variables.map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] as const);
  return {
    ...service,
    mounts: [...service.mounts, ...mounts],
    environment: { ...service.environment, ...Object.fromEntries(pairs) },
  };
}
