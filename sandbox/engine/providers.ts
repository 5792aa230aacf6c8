import * as grpc from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";

import { invoke } from "../cloud/invoke";
import type { Step } from "../cloud/commands";
import type { Kind } from "../cloud/kind";
import { isProps, type Props } from "../cloud/props";
import { changedKeys, type World } from "../cloud/world";

import { checkedCommand, COMMAND } from "./command";
import { secretMark, withoutSecretMarks } from "./secrets";

/** The packages whose providers the sandbox stands in for. */
export const PACKAGES = ["cloudflare", "aws", "tailscale", "command"] as const;

/** What the engine sends for a value that is not known while previewing. */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export interface Providers {
  /** Value for PULUMI_DEBUG_PROVIDERS: the engine attaches to these instead of starting plugins. */
  readonly debugProviders: string;
  close(): void;
}

/** Serves the resource providers of {@link PACKAGES} over gRPC on loopback, backed by the model of the outside world. */
export async function serveProviders(world: World): Promise<Providers> {
  const server = new grpc.Server();
  server.addService(ResourceProviderService, implementation(world));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    debugProviders: PACKAGES.map((name) => `${name}:${port}`).join(","),
    close: () => server.forceShutdown(),
  };
}

function implementation(world: World): grpc.UntypedServiceImplementation {
  return {
    handshake: unary(() => {
      const response = new messages.ProviderHandshakeResponse();
      response.setAcceptSecrets(true);
      return response;
    }),
    getPluginInfo: unary(() => {
      const info = new PluginInfo();
      info.setVersion("0.0.0");
      return info;
    }),
    attach: unary(() => new Empty()),
    cancel: unary(() => new Empty()),
    checkConfig: unary((request: messages.CheckRequest) => checked(request.getNews())),
    diffConfig: unary(() => new messages.DiffResponse()),
    configure: unary(() => {
      const response = new messages.ConfigureResponse();
      response.setSupportspreview(true);
      response.setAcceptsecrets(true);
      return response;
    }),
    invoke: unary((request: messages.InvokeRequest) => {
      const response = new messages.InvokeResponse();
      response.setReturn(struct(invoke(world, request.getTok(), propsOf(request.getArgs()))));
      return response;
    }),
    check: unary((request: messages.CheckRequest) => {
      const inputs = propsOf(request.getNews());
      const type = typeOf(request.getUrn());
      const response =
        type === COMMAND
          ? checked(struct(marked(world.kind(type), checkedCommand(rawProps(request.getNews())))))
          : checked(request.getNews());
      const reason = world.kind(type).check?.(inputs);
      if (reason !== undefined) {
        const failure = new messages.CheckFailure();
        failure.setReason(reason);
        response.setFailuresList([failure]);
      }
      return response;
    }),
    diff: unary((request: messages.DiffRequest) => diff(world, request)),
    create: unary(async (request: messages.CreateRequest) => {
      const inputs = propsOf(request.getProperties());
      const type = typeOf(request.getUrn());
      const response = new messages.CreateResponse();
      if (request.getPreview()) {
        response.setProperties(
          struct(marked(world.kind(type), { ...inputs, ...unknowns(world.kind(type).computed, inputs) })),
        );
        return response;
      }
      const remote = world.create(type, nameOf(request.getUrn()), await carriedOut(world, "create", type, inputs, {}));
      response.setId(remote.id);
      response.setProperties(struct(marked(world.kind(type), afterWrite(world, type, inputs, remote.props))));
      return response;
    }),
    update: unary(async (request: messages.UpdateRequest) => {
      const inputs = propsOf(request.getNews());
      const olds = propsOf(request.getOlds());
      const type = typeOf(request.getUrn());
      const response = new messages.UpdateResponse();
      if (request.getPreview()) {
        // What a command will print is not known before it has run.
        const later = type === COMMAND ? unknowns(world.kind(type).computed, inputs) : {};
        response.setProperties(struct(marked(world.kind(type), { ...olds, ...inputs, ...later })));
        return response;
      }
      const done = await carriedOut(world, "update", type, inputs, olds);
      const remote = world.update(type, nameOf(request.getUrn()), request.getId(), done);
      response.setProperties(struct(marked(world.kind(type), afterWrite(world, type, inputs, remote.props))));
      return response;
    }),
    read: unary((request: messages.ReadRequest) => {
      const state = propsOf(request.getProperties());
      const kind = world.kind(typeOf(request.getUrn()));
      if (Object.keys(state).length === 0) return imported(world, request);
      const found = world.read(typeOf(request.getUrn()), request.getId(), state);
      const response = new messages.ReadResponse();
      if (!found) return response;
      response.setId(request.getId());
      response.setProperties(struct(marked(kind, found)));
      response.setInputs(struct(marked(kind, readInputs(propsOf(request.getInputs()), found))));
      return response;
    }),
    delete: unary(async (request: messages.DeleteRequest) => {
      const urn = request.getUrn();
      const state = propsOf(request.getProperties());
      await carriedOut(world, "delete", typeOf(urn), state, state);
      world.delete(typeOf(urn), nameOf(urn), request.getId(), state);
      return new Empty();
    }),
  };
}

/** A read without a state is an import: the id is the one that people write, and the inputs are what the service has. */
function imported(world: World, request: messages.ReadRequest): messages.ReadResponse {
  const type = typeOf(request.getUrn());
  const kind = world.kind(type);
  const response = new messages.ReadResponse();
  const remote = world.imported(type, request.getId());
  if (!remote) return response;
  const inputs = Object.entries(remote.props).filter(([key]) => !kind.computed.includes(key));
  response.setId(remote.id);
  response.setProperties(struct(marked(kind, remote.props)));
  response.setInputs(struct(marked(kind, Object.fromEntries(inputs))));
  return response;
}

/** A method: an exception becomes a gRPC error with its message, which the engine shows to the user. */
function unary<Request, Response>(
  method: (request: Request) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, done) => {
    Promise.resolve()
      .then(() => method(call.request))
      .then(
        (response) => done(null, response),
        (error: unknown) =>
          done({ code: grpc.status.UNKNOWN, message: error instanceof Error ? error.message : String(error) }),
      );
  };
}

/** What happens elsewhere when a resource is written: commands really run on their host. The model then keeps the result. */
export async function carriedOut(world: World, step: Step, type: string, inputs: Props, before: Props): Promise<Props> {
  if (type !== COMMAND) return inputs;
  if (step !== "delete") world.mayFail(type);
  return await world.commands.run(step, inputs, before);
}

function diff(world: World, request: messages.DiffRequest): messages.DiffResponse {
  const kind = world.kind(typeOf(request.getUrn()));
  const ignored = new Set(request.getIgnorechangesList());
  const changed = changedKeys(kind, propsOf(request.getNews()), propsOf(request.getOlds())).filter(
    (key) => !ignored.has(key),
  );
  const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
  const response = new messages.DiffResponse();
  response.setChanges(changed.length === 0 ? DIFF_NONE : DIFF_SOME);
  response.setDiffsList([...changed]);
  response.setReplacesList(changed.filter((key) => kind.replaceOn.includes(key)));
  return response;
}

/** The inputs go back as they came, secrets still marked. */
function checked(inputs: Struct | undefined): messages.CheckResponse {
  const response = new messages.CheckResponse();
  response.setInputs(inputs);
  return response;
}

/** After a write the providers keep what was planned and add what only the service knows; reads alone normalise. */
function afterWrite(world: World, type: string, inputs: Props, remote: Props): Props {
  const kind = world.kind(type);
  const fromService = [...kind.computed, ...(kind.filled ?? [])];
  return { ...Object.fromEntries(fromService.map((key) => [key, remote[key]])), ...inputs };
}

/** The inputs as the service has them now: only those that the program declares. */
function readInputs(declared: Props, found: Props): Props {
  return Object.fromEntries(Object.keys(declared).map((key) => [key, found[key]]));
}

function unknowns(keys: readonly string[], inputs: Props): Props {
  return Object.fromEntries(keys.filter((key) => inputs[key] === undefined).map((key) => [key, UNKNOWN]));
}

function typeOf(urn: string): string {
  const qualified = urn.split("::")[2] ?? "";
  return qualified.slice(qualified.lastIndexOf("$") + 1);
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function propsOf(value: Struct | undefined): Props {
  const unmarked = withoutSecretMarks(rawProps(value));
  return isProps(unmarked) ? unmarked : {};
}

/** With secrets marked as they came. */
function rawProps(value: Struct | undefined): Props {
  const plain: unknown = value?.toJavaScript() ?? {};
  return isProps(plain) ? plain : {};
}

/** As the provider's schema says; the engine encrypts what is marked. */
function marked(kind: Kind, props: Props): Props {
  const secret = (kind.secret ?? []).filter((key) => props[key] !== undefined);
  return { ...props, ...Object.fromEntries(secret.map((key) => [key, secretMark(props[key])])) };
}

/** Absent, `undefined` and `null` are the same to the engine; the absent form is the one it does not show. */
function struct(props: Props): Struct {
  const plain: unknown = JSON.parse(JSON.stringify(props, (_key, value: unknown) => value ?? undefined));
  return Struct.fromJavaScript(plain as Record<string, never>);
}
