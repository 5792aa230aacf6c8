/** What Tailscale's API says of a machine, as much as is needed here (`GET /tailnet/{tailnet}/devices`). */
export interface Device {
  readonly nodeId: string;
  /** The name that the machine gave itself; two may have the same. */
  readonly hostname: string;
  /** Its name in the tailnet, unique: `mail-1.tail1234.ts.net`. */
  readonly name: string;
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  readonly authorized: boolean;
}

export interface FoundDevice {
  /** IPv4. */
  readonly address: string;
  /** What a person should look at. */
  readonly warnings: readonly string[];
}

/**
 * The host's machine among those of the tailnet, by the id that the host itself told: a host that was made anew leaves a
 * machine of the same name behind.
 *
 * @throws Error with fact, consequence and next command when the machine is not there or has no address
 */
export function hostDevice(
  devices: readonly Device[],
  nodeId: string,
  { hostname, tag }: { readonly hostname: string; readonly tag: string },
): FoundDevice {
  const own = devices.find((device) => device.nodeId === nodeId);
  const address = own?.addresses.find((each) => /^\d+(\.\d+){3}$/.test(each));
  if (own === undefined || address === undefined) {
    throw new Error(
      `The tailnet has no machine ${nodeId} with an address, and the host says that it is this one: it was removed there. ` +
        "Phones do not reach the host. Raise mail:tailnetKeyNumber by one, so that it joins anew, then: pulumi up",
    );
  }
  const old = devices.filter((device) => device.hostname === hostname && device.tags.includes(tag) && device !== own);
  return {
    address,
    warnings: [
      ...(own.authorized ? [] : [`The machine ${own.name} waits for approval in Tailscale's console.`]),
      ...(own.tags.includes(tag)
        ? []
        : [
            `The machine ${own.name} has not the tag ${tag}, and the policy lets nobody reach it by that. ` +
              "A tag comes with the key: raise mail:tailnetKeyNumber by one, then: pulumi up",
          ]),
      ...old.map(
        ({ name }) =>
          `The tailnet has an older machine of this host, ${name}. It is not used; remove it in Tailscale's console.`,
      ),
    ],
  };
}
