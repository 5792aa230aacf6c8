import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";

import { isProps, type Props } from "../../sandbox/cloud/props";
import type { World } from "../../sandbox/cloud/world";
import { PACKAGES, type Providers, serveProviders } from "../../sandbox/engine/providers";
import { isSecretMark, secretMark, withoutSecretMarks } from "../../sandbox/engine/secrets";
import {
  accountId,
  cname,
  DOMAIN,
  emptyWorld,
  furnished,
  script,
  srv,
  txt,
  TYPE,
  type TypeName,
  zoneId,
} from "./cloud/cloud";

/** What the engine puts in place of a value that is not known yet (`UnknownStringValue` of the Pulumi SDKs). */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

let world: World;
let providers: Providers;
let client: ResourceProviderClient;

beforeEach(async () => {
  ({ world } = furnished(emptyWorld()));
  providers = await serveProviders(world);
  const address = providers.debugProviders.split(",")[0]?.split(":")[1] ?? "";
  client = new ResourceProviderClient(`127.0.0.1:${address}`, grpc.credentials.createInsecure());
});

afterEach(() => {
  client.close();
  providers.close();
});

/** The engine's side of each call, with plain objects. */
type Callback<T> = (error: grpc.ServiceError | null, response: T) => void;

function call<T>(send: (done: Callback<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => send((error, response) => (error ? reject(error) : resolve(response))));
}

function urn(type: TypeName, name = "it"): string {
  return `urn:pulumi:prod::mail::mail:index:Component$${TYPE[type]}::${name}`;
}

function struct(props: Props): Struct {
  const wire: unknown = JSON.parse(JSON.stringify(props));
  return Struct.fromJavaScript(wire as Record<string, never>);
}

function props(value: Struct | undefined): Props {
  const plain: unknown = value?.toJavaScript();
  return isProps(plain) ? plain : {};
}

async function check(type: TypeName, news: Props): Promise<{ inputs: Props; failures: string[] }> {
  const request = new messages.CheckRequest();
  request.setUrn(urn(type));
  request.setNews(struct(news));
  const response = await call<messages.CheckResponse>((done) => client.check(request, done));
  return { inputs: props(response.getInputs()), failures: response.getFailuresList().map((item) => item.getReason()) };
}

interface Made {
  readonly id: string;
  readonly state: Props;
}

async function create(type: TypeName, inputs: Props, preview = false): Promise<Made> {
  const request = new messages.CreateRequest();
  request.setUrn(urn(type));
  request.setProperties(struct(inputs));
  request.setPreview(preview);
  const response = await call<messages.CreateResponse>((done) => client.create(request, done));
  return { id: response.getId(), state: props(response.getProperties()) };
}

async function read(type: TypeName, { id, state }: Made, inputs: Props): Promise<Made & { inputs: Props }> {
  const request = new messages.ReadRequest();
  request.setUrn(urn(type));
  request.setId(id);
  request.setProperties(struct(state));
  request.setInputs(struct(inputs));
  const response = await call<messages.ReadResponse>((done) => client.read(request, done));
  return { id: response.getId(), state: props(response.getProperties()), inputs: props(response.getInputs()) };
}

async function update(type: TypeName, { id, state }: Made, news: Props, preview = false): Promise<Props> {
  const request = new messages.UpdateRequest();
  request.setUrn(urn(type));
  request.setId(id);
  request.setOlds(struct(state));
  request.setNews(struct(news));
  request.setPreview(preview);
  const response = await call<messages.UpdateResponse>((done) => client.update(request, done));
  return props(response.getProperties());
}

interface Difference {
  readonly changes: boolean;
  readonly keys: readonly string[];
  readonly replaces: readonly string[];
}

async function diff(type: TypeName, olds: Props, news: Props, ignoreChanges: string[] = []): Promise<Difference> {
  const request = new messages.DiffRequest();
  request.setUrn(urn(type));
  request.setOlds(struct(olds));
  request.setNews(struct(news));
  request.setIgnorechangesList(ignoreChanges);
  const response = await call<messages.DiffResponse>((done) => client.diff(request, done));
  return {
    changes: response.getChanges() === messages.DiffResponse.DiffChanges.DIFF_SOME,
    keys: response.getDiffsList(),
    replaces: response.getReplacesList(),
  };
}

async function remove(type: TypeName, { id, state }: Made): Promise<void> {
  const request = new messages.DeleteRequest();
  request.setUrn(urn(type));
  request.setId(id);
  request.setProperties(struct(state));
  await call<Empty>((done) => client.delete(request, done));
}

const unchanged: Difference = { changes: false, keys: [], replaces: [] };

describe("the stand-in providers", () => {
  it("are one for each package, where the engine looks for them", () => {
    const ports = new Set(providers.debugProviders.split(",").map((item) => item.split(":")[1]));
    expect(providers.debugProviders.split(",").map((item) => item.split(":")[0])).toEqual([...PACKAGES]);
    expect(ports.size).toBe(1);
    expect([...ports][0]).toMatch(/^\d+$/);
  });

  it("support previews and secrets, and take any configuration", async () => {
    const response = await call<messages.ConfigureResponse>((done) =>
      client.configure(new messages.ConfigureRequest(), done),
    );
    expect([response.getSupportspreview(), response.getAcceptsecrets()]).toEqual([true, true]);
    const request = new messages.CheckRequest();
    request.setNews(struct({ apiToken: secretMark("hidden") }));
    const checked = await call<messages.CheckResponse>((done) => client.checkConfig(request, done));
    expect(props(checked.getInputs())).toEqual({ apiToken: secretMark("hidden") });
    expect(checked.getFailuresList()).toEqual([]);
  });

  it("stop answering when they are closed", async () => {
    providers.close();
    await expect(check("record", txt())).rejects.toThrow(/UNAVAILABLE|CANCELLED/);
  });
});

describe("a check", () => {
  it("hands right inputs back as they came", async () => {
    expect(await check("record", txt())).toEqual({ inputs: txt(), failures: [] });
  });

  it("fails while previewing where the provider itself refuses", async () => {
    const { failures } = await check("record", srv({ content: "x" }));
    expect(failures).toEqual([expect.stringContaining('Attribute "content" cannot be specified')]);
    const spelled = script({ bindings: [{ type: "secretText", name: "A", text: "" }] });
    expect((await check("script", spelled)).failures).toEqual([expect.stringContaining("bindings[0].type")]);
  });

  it("sees through secrets, and leaves their marks", async () => {
    const bindings = secretMark([{ type: "secretText", name: "A", text: secretMark("hidden") }]);
    const { inputs, failures } = await check("script", script({ bindings }));
    expect(failures).toHaveLength(1);
    expect(isSecretMark(inputs["bindings"])).toBe(true);
  });
});

describe("a create", () => {
  it("makes nothing while previewing, and does not know what only the service can say", async () => {
    const before = world.snapshot();
    const { id, state } = await create("token", { accountId, name: "t", duration: "8760h" }, true);
    expect(id).toBe("");
    expect(withoutSecretMarks(state)).toMatchObject({
      accountId,
      name: "t",
      clientId: UNKNOWN,
      clientSecret: UNKNOWN,
      expiresAt: UNKNOWN,
    });
    expect(isSecretMark(state["clientSecret"])).toBe(true);
    expect(world.snapshot()).toBe(before);
  });

  it("keeps what was planned and adds what the service set; only a read normalises", async () => {
    const unquoted = txt({ content: "v=DMARC1" });
    expect((await create("record", unquoted)).state).toMatchObject(unquoted);
    const { id, state } = await create("token", { accountId, name: "t" });
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(withoutSecretMarks(state)).toMatchObject({
      duration: "8760h",
      clientId: expect.stringMatching(/\.access$/) as string,
      clientSecret: expect.stringMatching(/^cfast_/) as string,
    });
  });

  it("marks as secret what the provider's schema marks, whatever the program did", async () => {
    expect(isSecretMark((await create("token", { accountId, name: "t" })).state["clientSecret"])).toBe(true);
    const { state } = await create("script", script({ scriptName: "other" }));
    expect(isSecretMark(state["bindings"])).toBe(true);
    expect(isSecretMark(state["content"])).toBe(false);
  });

  it("hands the service the plain text of a secret", async () => {
    const text = secretMark("hidden");
    await create("script", script({ scriptName: "other", bindings: [{ type: "secret_text", name: "A", text }] }));
    const made = world.find(TYPE.script, ({ scriptName }) => scriptName === "other");
    expect(made?.props).toMatchObject({ bindings: [{ name: "A", text: "hidden" }] });
  });
});

describe("a resource's life", () => {
  it("goes from create by way of read and update to delete", async () => {
    const made = await create("record", txt());
    const found = await read("record", made, txt());
    expect(found).toMatchObject({ id: made.id, inputs: txt() });
    expect(await diff("record", found.state, txt())).toEqual(unchanged);

    const changed = txt({ content: '"v=DMARC1; p=none"' });
    expect(await diff("record", found.state, changed)).toEqual({ changes: true, keys: ["content"], replaces: [] });
    const untouched = world.snapshot();
    await update("record", found, changed, true);
    expect(world.snapshot()).toBe(untouched);
    const state = await update("record", found, changed);
    expect(state).toMatchObject(changed);
    expect(world.zones[0]?.records.map(({ content }) => content)).toEqual(['"v=DMARC1; p=none"']);

    await remove("record", { id: made.id, state });
    expect(world.zones[0]?.records).toEqual([]);
    expect((await read("record", { id: made.id, state }, changed)).id).toBe("");
    expect(world.calls.slice(-3)).toEqual(
      (["create", "update", "delete"] as const).map((action) => ({ action, type: TYPE.record, name: "it" })),
    );
  });

  it("shows after a read what the service made of a wrong shape, and not before", async () => {
    const unquoted = txt({ content: "v=DMARC1; p=reject" });
    const made = await create("record", unquoted);
    expect(await diff("record", made.state, unquoted)).toEqual(unchanged);
    const found = await read("record", made, unquoted);
    expect(found.inputs["content"]).toBe('"v=DMARC1; p=reject"');
    expect(await diff("record", found.state, unquoted)).toMatchObject({ changes: true, keys: ["content"] });
  });

  it("keeps a secret's differences visible and its sameness quiet", async () => {
    const inputs = script({ scriptName: "other" });
    const found = await read("script", await create("script", inputs), inputs);
    expect(await diff("script", found.state, inputs)).toEqual(unchanged);
    const rotated = script({ scriptName: "other", bindings: [{ type: "secret_text", name: "TOKEN", text: "new" }] });
    expect(await diff("script", found.state, rotated)).toMatchObject({ keys: ["bindings"], replaces: [] });
  });

  it("fails the whole preview when a refreshed status of DNSSEC is fed back", async () => {
    const inputs = { zoneId, status: "active" };
    const found = await read("dnssec", await create("dnssec", inputs), inputs);
    expect(found.inputs).toEqual({ zoneId, status: "pending" });
    expect((await check("dnssec", found.inputs)).failures).toEqual([expect.stringContaining('got: "pending"')]);
  });
});

describe("a diff", () => {
  it("names what replaces", async () => {
    expect(await diff("record", txt(), cname({ name: `_dmarc.${DOMAIN}` }))).toMatchObject({
      keys: expect.arrayContaining(["type", "content", "ttl"]) as string[],
      replaces: ["type"],
    });
  });

  it("leaves out what the program ignores", async () => {
    const changed = txt({ content: '"other"', ttl: 60 });
    expect(await diff("record", txt(), changed, ["content"])).toEqual({ changes: true, keys: ["ttl"], replaces: [] });
    expect(await diff("record", txt(), changed, ["content", "ttl"])).toEqual(unchanged);
  });

  it("takes an unknown value for a change", async () => {
    expect(await diff("record", txt(), txt({ content: UNKNOWN }))).toMatchObject({ keys: ["content"] });
  });
});

describe("a remote command", () => {
  const inputs = { connection: secretMark({ host: "192.0.2.10" }), create: "bash -s", stdin: secretMark("true") };

  it("gets the connection's defaults when it is checked, all of it secret", async () => {
    const { inputs: checked } = await check("command", inputs);
    const connection = { host: "192.0.2.10", user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };
    expect(checked).toEqual({ ...inputs, connection: secretMark(connection) });
  });

  it("is run by whoever has the hosts, and not while previewing", async () => {
    const steps: string[] = [];
    world.commands = {
      run: (step, { stdin }, { stdout }) => {
        steps.push(`${step} ${String(stdin)} ${String(stdout)}`);
        return Promise.resolve({ ...withoutMarks(inputs), stdin, stdout: step, stderr: "" });
      },
    };
    expect((await create("command", inputs, true)).state).toMatchObject({ stdout: UNKNOWN, stderr: UNKNOWN });
    const made = await create("command", inputs);
    expect(made.state).toMatchObject({ stdout: "create" });
    const news = { ...inputs, stdin: "false" };
    expect(await update("command", made, news, true)).toMatchObject({ stdout: UNKNOWN });
    const state = await update("command", made, news);
    expect(state).toMatchObject({ stdout: "update" });
    await remove("command", { id: made.id, state });
    expect(steps).toEqual(["create true undefined", "update false create", "delete false update"]);
  });

  it("that fails makes nothing, and says what its host said", async () => {
    world.commands = { run: () => Promise.reject(new Error("Process exited with status 1")) };
    await expect(create("command", inputs)).rejects.toThrow("Process exited with status 1");
    expect(world.all(TYPE.command)).toEqual([]);
  });

  const withoutMarks = (value: unknown) => withoutSecretMarks(value) as Props;
});

describe("an error", () => {
  it("of the service reaches the caller with its code and words", async () => {
    await create("record", txt());
    await expect(create("record", txt())).rejects.toThrow(
      /"code":81058,"message":"An identical record already exists\."/,
    );
    await expect(create("catchAll", { zoneId, matchers: [] })).rejects.toThrow("2016");
  });

  it("is what a type or a function without a model gets", async () => {
    const request = new messages.CreateRequest();
    request.setUrn("urn:pulumi:prod::mail::cloudflare:index/queue:Queue::it");
    await expect(call((done: Callback<unknown>) => client.create(request, done))).rejects.toThrow(
      "no model of cloudflare:index/queue:Queue",
    );
    await expect(invoke("cloudflare:index/getZone:getZone", {})).rejects.toThrow(
      "no model of cloudflare:index/getZone",
    );
  });

  it("is what a look-up of a missing tunnel's token gets", async () => {
    const token = "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken";
    await expect(invoke(token, { accountId, tunnelId: "nobody" })).rejects.toThrow("Tunnel nobody not found");
    const tunnelId = world.all(TYPE.tunnel)[0]?.id ?? "";
    const answer = await invoke(token, { accountId, tunnelId });
    expect(JSON.parse(Buffer.from(String(answer["token"]), "base64").toString())).toMatchObject({ t: tunnelId });
  });
});

async function invoke(token: string, args: Props): Promise<Props> {
  const request = new messages.InvokeRequest();
  request.setTok(token);
  request.setArgs(struct(args));
  return props((await call<messages.InvokeResponse>((done) => client.invoke(request, done))).getReturn());
}
