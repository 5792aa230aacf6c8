import * as pulumi from "@pulumi/pulumi";

import { Host } from "../../../infra/host/host";
import { isProps } from "../../../sandbox/cloud/props";
import { isSecretMark, withoutSecretMarks } from "../../../sandbox/engine/secrets";
import { Secret } from "../../../infra/settings/secret";
import type { Settings } from "../../../infra/settings/settings";
import { augustin } from "../dns/fixtures";

interface Made {
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Names of inputs that the engine encrypts in its state. */
  readonly secret: readonly string[];
}

class Worker extends pulumi.CustomResource {}

const KEY = "API_key-that-the-host-prints";
const made: Made[] = [];
const options = new Map<string, pulumi.CustomResourceOptions>();

beforeAll(async () => {
  await pulumi.runtime.setMocks({
    newResource({ type, name, inputs }) {
      if (type === "command:remote:Command" || type === "test:index:Worker")
        made.push(command(name, inputs as Made["inputs"]));
      return {
        id: name,
        state: { ...(inputs as Made["inputs"]), stdout: name === "host-key" ? `Welcome\n${KEY}` : "" },
      };
    },
    call: () => ({}),
  });
});

function command(name: string, inputs: Made["inputs"]): Made {
  const secret = Object.keys(inputs).filter((key) => isProps(inputs[key]) && isSecretMark(inputs[key]));
  return { name, inputs: withoutSecretMarks(inputs) as Made["inputs"], secret: secret.sort() };
}

function settings(changes: Partial<Settings["host"]> = {}): Settings {
  const documented = augustin();
  return {
    ...documented,
    host: { ...documented.host, sshPrivateKey: new Secret("the operator's key"), ...changes },
    stalwart: { ...documented.stalwart, workerKeyNumber: 2 },
  };
}

/** Declares a host as program.ts does and returns its commands in the order in which they were made. */
async function declared(changes: Partial<Settings["host"]> = {}) {
  made.length = 0;
  const noted = ({ name, type, opts }: pulumi.ResourceTransformationArgs) => {
    if (type === "command:remote:Command") options.set(name, opts);
    return undefined;
  };
  const host = new Host(
    "host",
    {
      settings: settings(changes),
      tunnelToken: pulumi.secret("tunnel-token"),
      acmeDnsToken: pulumi.secret("acme-token"),
      tailnetKey: pulumi.secret("tailnet-key"),
    },
    { transformations: [noted] },
  );
  // The Worker's script takes the key, so it waits for it.
  const worker = new Worker("test:index:Worker", "worker", { key: host.workerKey });
  const retired = host.keyRetired(worker);
  await new Promise((resolve) => retired.urn.apply(resolve));
  const key = await new Promise((resolve) => host.workerKey.apply(resolve));
  return {
    key,
    isSecret: await pulumi.isSecret(host.workerKey),
    commands: made.filter(({ name }) => name !== "worker"),
    order: made.map(({ name }) => name),
  };
}

describe("the host's resources", () => {
  it("are four commands, in this order: files, the keys, retirement of former keys", async () => {
    const { commands, order } = await declared();
    expect(order.toSorted()).toEqual(["host-arrivals-key", "host-files", "host-key", "host-key-retired", "worker"]);
    expect(order.filter((name) => name !== "host-arrivals-key")).toEqual([
      "host-files",
      "host-key",
      "worker",
      "host-key-retired",
    ]);
    expect(order.at(-1)).toBe("host-key-retired");
    for (const { name, inputs } of commands)
      expect(String(inputs["stdin"]).includes("key_number='2'")).toBe(name !== "host-files");
  });

  it("hand out the key that the host prints, as a secret", async () => {
    expect(await declared()).toMatchObject({ key: KEY, isSecret: true });
  });

  it("show nothing and leave nothing that a program of the host could read", async () => {
    const { commands } = await declared();
    for (const { inputs, secret } of commands) {
      expect(secret).toEqual(["connection", "stdin"]);
      expect(inputs).toMatchObject({ create: "bash -s", logging: "none", addPreviousOutputInEnv: false });
      expect(Object.keys(inputs)).not.toEqual(expect.arrayContaining(["environment"]));
      expect(JSON.stringify([inputs["create"], inputs["delete"] ?? ""])).not.toMatch(/token|operator/);
    }
    for (const name of ["host-files", "host-key", "host-arrivals-key", "host-key-retired"])
      expect(options.get(name)?.additionalSecretOutputs).toEqual(expect.arrayContaining(["stdout", "stderr"]));
  });

  it("connect with the pinned key, and give up within half a minute", async () => {
    const { commands } = await declared({ address: "192.0.2.7", port: 2222 });
    const { address, port, user, key } = settings({ address: "192.0.2.7", port: 2222 }).host;
    for (const { inputs } of commands) {
      const connection = inputs["connection"] as Record<string, number>;
      expect(connection).toMatchObject({ host: address, port, user, hostKey: key, privateKey: "the operator's key" });
      // The provider dials once more than its limit says.
      expect(((connection["dialErrorLimit"] ?? 10) + 1) * (connection["perDialTimeout"] ?? 15)).toBeLessThan(30);
    }
  });

  it("are replaced by nothing ordinary: no triggers, and old containers stop before new ones start", async () => {
    const { commands } = await declared();
    for (const { name, inputs } of commands) {
      expect(inputs["triggers"]).toBeUndefined();
      // The provider replaces a command for no other reason (its schema; the SDK adds the same).
      expect(options.get(name)?.replaceOnChanges).toEqual(["triggers[*]"]);
      // Another command for an update would not be what a first run does.
      expect(inputs["update"]).toBeUndefined();
    }
    expect(options.get("host-files")).toMatchObject({ deleteBeforeReplace: true });
    expect(commands.flatMap(({ name, inputs }) => (inputs["delete"] === undefined ? [] : [name]))).toEqual([
      "host-files",
    ]);
  });

  it("do not change when nothing changed, and all do when the machine is another one", async () => {
    const [first, second, moved] = [await declared(), await declared(), await declared({ address: "192.0.2.8" })];
    expect(second.commands).toEqual(first.commands);
    for (const [index, { inputs }] of moved.commands.entries())
      expect(inputs["connection"]).not.toEqual(first.commands[index]?.inputs["connection"]);
  });
});
