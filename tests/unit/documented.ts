import type { MailOutputs } from "../../infra/mail";
import { program } from "../../infra/program";
import { settingsOf } from "../../infra/settings/stack-file";
import { type Api, serveApi } from "../../sandbox/cloud/api";
import { World } from "../../sandbox/cloud/world";
import { newZone, type Zone } from "../../sandbox/cloud/zone";
import { convergeWithoutEngine } from "../../sandbox/converge";
import { type Outside, startOutside } from "../../sandbox/outside";
import { type StandIns, standIns } from "../../sandbox/stand-ins";
import { type Declared, named as declaredAs, watchDeclared } from "./declared";

const STACK = "prod";

/** The documented deployment, with values invented for what its stack file keeps secret. */
export const invented = standIns(STACK);
export const settings = settingsOf(STACK, invented);

export interface Ran {
  readonly world: World;
  readonly resources: readonly Declared[];
  readonly outputs: MailOutputs;
}

/** The whole program on the SDK's mocks, with settings and secrets changed and further zones in the account. */
export type Run = (
  changes?: Readonly<Record<string, string>>,
  furtherZones?: readonly Zone[],
  secrets?: Readonly<Record<string, string>>,
) => Promise<Ran>;

/** To be called at the top of a test file: what is outside is started before its tests and ended after them. */
export function documentedProgram(): Run {
  let surroundings: Outside;
  beforeAll(async () => {
    surroundings = await startOutside(settings, invented);
  });
  afterAll(() => surroundings.close());
  return (changes = {}, furtherZones = [], secrets = {}) => run(surroundings, changes, furtherZones, secrets);
}

async function run(
  surroundings: Outside,
  changes: Readonly<Record<string, string>>,
  furtherZones: readonly Zone[],
  secrets: Readonly<Record<string, string>>,
): Promise<Ran> {
  const { accountId, domain } = settings;
  const zones = [newZone("a".repeat(32), domain), ...furtherZones];
  const world = new World({ accountId, apiToken: invented.apiToken, zones });
  joinedTailnet(world);
  const api: Api = await serveApi(world);
  const outside: Outside = { ...surroundings, world, apiUrl: api.baseUrl };
  const changed: StandIns = {
    ...invented,
    values: { ...invented.values, ...changes },
    secrets: { ...invented.secrets, ...secrets },
  };
  let declared: (() => Promise<readonly Declared[]>) | undefined;
  let outputs: MailOutputs | undefined;
  try {
    await convergeWithoutEngine(STACK, changed, outside, async () => {
      declared = watchDeclared();
      const made = await program();
      if ("hostOffer" in made) outputs = made;
      return made;
    });
  } finally {
    api.close();
  }
  if (outputs === undefined || declared === undefined) throw new Error("the program has no outputs");
  return { world, resources: await declared(), outputs };
}

/** No host runs here: its machine is in the tailnet, and it says so. */
function joinedTailnet(world: World): void {
  const { tag = "", hostname = "" } = settings.tailnet ?? {};
  world.tailnet.setPolicy(JSON.stringify({ tagOwners: { [tag]: [] } }));
  world.tailnet.keys.set("key", { tags: [tag], isReusable: false, used: false, expired: false });
  const { nodeId } = world.tailnet.join("key", hostname);
  world.commands = {
    run: (_step, inputs) => {
      const isAsked = String(inputs["stdin"]).includes("tailnet_seconds");
      return Promise.resolve({ ...inputs, stdout: isAsked ? nodeId : "", stderr: "" });
    },
  };
}

export const names = ({ resources }: Ran): readonly string[] => resources.map(({ name }) => name);
export const named = ({ resources }: Ran, name: string): Declared => declaredAs(resources, name);
