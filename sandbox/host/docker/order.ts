import type { Service } from "./compose-file";

/** What `up` starts when no service is named: profiles of tools are for `run`. */
export function withoutTools(services: readonly Service[]): readonly Service[] {
  return services.filter(({ profiles }) => profiles.length === 0);
}

/** Each after those that it depends on. */
export function inOrder(services: readonly Service[]): readonly Service[] {
  const done: Service[] = [];
  const visit = (service: Service): void => {
    if (done.includes(service)) return;
    for (const other of Object.keys(service.dependsOn)) {
      const found = services.find(({ name }) => name === other);
      if (found) visit(found);
    }
    done.push(service);
  };
  for (const service of services) visit(service);
  return done;
}
