import * as runtime from "@pulumi/pulumi/runtime";
import { declareFurther } from "../../infra/domain/further";
import { declareMail } from "../../infra/mail";
import { PROJECT } from "../../infra/settings/keys";
import type { FurtherSettings, Settings } from "../../infra/settings/settings";

/** A custom resource as the program declares it. */
export interface Resource {
  /** `cloudflare:index/dnsRecord:DnsRecord`. */
  readonly type: string;
  readonly name: string;
  /** Secrets are throw-away values and still marked. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Stands for whatever a service answers; nothing of it is drawn. */
const ANSWERED = "answered";
const OUTPUTS = {
  // As without a host: no machine is looked up in the tailnet.
  stdout: "",
  ...{ ds: ANSWERED, key: ANSWERED, value: ANSWERED, token: ANSWERED, aud: ANSWERED, secret: ANSWERED },
  ...{ clientId: ANSWERED, clientSecret: ANSWERED, expiresAt: "2000-01-01T00:00:00Z" },
} as const;

const NO_WORKER = { clientId: ANSWERED, clientSecret: ANSWERED, key: ANSWERED, arrivalsKey: ANSWERED } as const;

/**
 * Runs the program on the SDK's mocks, with no engine, account or network, and returns what it declares, in no
 * stable order. One after the other: the SDK's monitor is global.
 */
export async function declaredResources(
  settings: Settings | FurtherSettings,
  stack: string,
): Promise<readonly Resource[]> {
  const resources: Resource[] = [];
  await runtime.setMocks(
    {
      newResource({ type, name, inputs, custom }) {
        const given = inputs as Resource["inputs"];
        if (custom !== true) return { id: undefined, state: given };
        resources.push({ type, name, inputs: given });
        return { id: `${name}-id`, state: { ...given, ...OUTPUTS } };
      },
      call: ({ inputs }) => ({ ...(inputs as object), ...OUTPUTS }),
    },
    PROJECT,
    stack,
    false,
  );
  const zoneIds = { [settings.domain]: "zone" };
  await runtime.runInPulumiStack(() =>
    Promise.resolve(
      "hostStack" in settings
        ? declareFurther(settings, NO_WORKER, zoneIds)
        : declareMail(settings, { zoneIds, teamName: ANSWERED }),
    ),
  );
  await runtime.disconnect();
  return resources;
}
