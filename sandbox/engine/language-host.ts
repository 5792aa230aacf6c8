import { spawn } from "node:child_process";
import { createRequire } from "node:module";

import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/language_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";

const RUN = createRequire(__filename).resolve("@pulumi/pulumi/cmd/run");
/** With this the SDK's runner says that it has told the user what went wrong. */
const LOGGED_EXIT_CODE = 32;

export interface LanguageHost {
  /** Value for PULUMI_DEBUG_LANGUAGES. */
  readonly debugLanguages: string;
  close(): void;
}

/**
 * Stands in for `pulumi-language-nodejs`, which comes with Pulumi's distribution only: starts the SDK's own runner with
 * the arguments and the environment that the language host gives it, so that index.ts runs under Pulumi's default
 * runtime (ts-node, CommonJS) as it will with `pulumi up`.
 *
 * @param env for the program; with its own TMPDIR it finds no cache that ts-node filled for an older version
 */
export async function serveLanguageHost(env: NodeJS.ProcessEnv): Promise<LanguageHost> {
  const server = new grpc.Server();
  server.addService(LanguageRuntimeService, implementation({ ...process.env, ...env }));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { debugLanguages: `nodejs:${port}`, close: () => server.forceShutdown() };
}

function implementation(env: NodeJS.ProcessEnv): grpc.UntypedServiceImplementation {
  let engineAddress = "";
  return {
    handshake: unary((request: messages.LanguageHandshakeRequest) => {
      engineAddress = request.getEngineAddress();
      return Promise.resolve(new messages.LanguageHandshakeResponse());
    }),
    getPluginInfo: unary(() => {
      const info = new PluginInfo();
      info.setVersion("0.0.0");
      return Promise.resolve(info);
    }),
    getRequiredPackages: unary(() => Promise.resolve(new messages.GetRequiredPackagesResponse())),
    getRequiredPlugins: unary(() => Promise.resolve(new messages.GetRequiredPluginsResponse())),
    cancel: unary(() => Promise.resolve(new Empty())),
    run: unary((request: messages.RunRequest) => run(request, engineAddress, env)),
  };
}

async function run(
  request: messages.RunRequest,
  engineAddress: string,
  env: NodeJS.ProcessEnv,
): Promise<messages.RunResponse> {
  const flags = {
    monitor: request.getMonitorAddress(),
    engine: engineAddress,
    organization: request.getOrganization(),
    project: request.getProject(),
    "root-directory": request.getInfo()?.getRootDirectory() ?? "",
    stack: request.getStack(),
    pwd: request.getPwd(),
    parallel: String(request.getParallel()),
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => (value === "" ? [] : [`--${flag}`, value]));
  if (request.getDryrun()) args.push("--dry-run");
  const config = Object.fromEntries(request.getConfigMap().toArray());
  const child = spawn(process.execPath, [RUN, ...args, request.getInfo()?.getEntryPoint() ?? "."], {
    stdio: ["ignore", "inherit", "inherit"],
    cwd: request.getInfo()?.getProgramDirectory() ?? request.getPwd(),
    env: {
      ...env,
      PULUMI_NODEJS_TYPESCRIPT: "true",
      PULUMI_CONFIG: JSON.stringify(config),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    },
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  const response = new messages.RunResponse();
  if (code === LOGGED_EXIT_CODE) response.setBail(true);
  else if (code !== 0) response.setError(`the program exited with code ${code ?? "none"}`);
  return response;
}

function unary<Request, Response>(
  method: (request: Request) => Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, done) => {
    method(call.request).then(
      (response) => done(null, response),
      (error: unknown) => done({ code: grpc.status.UNKNOWN, message: String(error) }),
    );
  };
}
