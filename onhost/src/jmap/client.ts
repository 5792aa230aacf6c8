import type { Readable } from "node:stream";
import { createHttp, isNotFound, readText, type Http, type Request } from "./http";
import { isFields, parsed, strings, text, type Fields } from "./json";
import { patiently, PATIENCE, type Patience } from "./retry";
import { CORE, openSession, type Session } from "./session";
import { Trouble } from "./trouble";

/** Requests at once; more do not help a server with the few cores of a home. */
const MAX_CONNECTIONS = 4;
const FIRST_REDIRECT = 300;

export interface Place {
  /** The server or its session. */
  readonly url: string;
  /** The path at which the server is likely to have its session. */
  readonly sessionPath?: string;
  /** Value of the Authorization header. */
  readonly authorization: string;
  readonly patience?: Patience;
}

/** Method name and arguments; the call's id is its position, `#ids` may refer to it. */
export type Call = readonly [method: string, args: Fields];
/** A method error is a value: one call of a request may fail alone. */
export type Result = Fields | Trouble;

export interface Manner {
  /** False for what must not be done twice; it is then repeated only if the server has certainly done nothing. */
  readonly isRepeatable?: boolean;
  /** Less patience than with everything else. */
  readonly patienceMs?: number;
}

/** One login at one JMAP server. Every function repeats what failed for a passing reason and throws `Trouble`. */
export interface Client {
  readonly session: Session;
  readonly traffic: Http["traffic"];
  readonly connections: number;
  /** One request. `using`: capabilities beside core. */
  readonly calls: (using: readonly string[], calls: readonly Call[], manner?: Manner) => Promise<readonly Result[]>;
  /** As `calls` with one; a method error is thrown. */
  readonly call: (using: readonly string[], call: Call, manner?: Manner) => Promise<Fields>;
  /** `read` gets the bytes, again from the start when the connection breaks. */
  readonly download: <T>(
    accountId: string,
    blobId: string,
    type: string,
    read: (body: Readable) => Promise<T>,
  ) => Promise<T>;
  /** Returns the blob's id. Blobs are temporary, so an upload may happen twice. */
  readonly upload: (accountId: string, file: string, size: number, type: string) => Promise<string>;
  readonly close: () => void;
}

/** Opens the session. */
export async function connectTo({ url, sessionPath, authorization, patience = PATIENCE }: Place): Promise<Client> {
  const http = createHttp(authorization, MAX_CONNECTIONS);
  const session = await patiently(() => openSession(http, new URL(url), sessionPath), patience);
  const connections = Math.min(MAX_CONNECTIONS, session.maxConcurrentRequests);
  return { session, traffic: http.traffic, connections, calls, call, download, upload, close: http.close };

  /** Follows no redirect. The paths of another origin may not exist at the given one, and the operator must see why. */
  async function send<T>(request: Request, read: (body: Readable) => Promise<T>): Promise<T> {
    try {
      return await http.send(request, ({ status, body }) => {
        if (status < FIRST_REDIRECT) return read(body);
        throw new Trouble(`${request.step}: HTTP ${status}, a redirect, which is not followed`, "refused", { status });
      });
    } catch (error) {
      if (session.otherOrigin === undefined || !isNotFound(error)) throw error;
      const { fact, kind, details } = error;
      const why = `the session names ${session.otherOrigin}, and only ${new URL(url).origin} is asked`;
      throw new Trouble(`${fact} (${why})`, kind, details);
    }
  }

  async function calls(
    using: readonly string[],
    list: readonly Call[],
    { isRepeatable = true, patienceMs = Infinity }: Manner = {},
  ): Promise<readonly Result[]> {
    const methodCalls = list.map(([method, args], index) => [method, args, String(index)]);
    const request = JSON.stringify({ using: [CORE, ...new Set(using)], methodCalls });
    const step = list.map(([method]) => method).join(", ");
    return await patiently(
      async () => {
        const results = resultsOf(step, list, await post(step, request));
        const passing = results.find((result) => result instanceof Trouble && result.kind === "passing");
        // Where several things are asked, the good answers are asked for again as well: they are only reads.
        if (passing instanceof Trouble && isRepeatable) throw passing;
        return results;
      },
      { ...patience, totalMs: Math.min(patience.totalMs, patienceMs) },
      isRepeatable,
    );
  }

  async function call(using: readonly string[], one: Call, manner?: Manner): Promise<Fields> {
    const [result] = await calls(using, [one], manner);
    if (result instanceof Trouble) throw result;
    return result ?? {};
  }

  async function post(step: string, request: string): Promise<unknown> {
    const body = { text: request };
    return await send(
      { method: "POST", url: session.apiUrl, type: "application/json", body, step, takesGzip: true },
      async (answer) => parsed(await readText(step, answer)),
    );
  }

  async function download<T>(
    accountId: string,
    blobId: string,
    type: string,
    read: (body: Readable) => Promise<T>,
  ): Promise<T> {
    const url = session.downloadUrl(accountId, blobId, type);
    return await patiently(() => send({ method: "GET", url, step: "download" }, read), patience);
  }

  async function upload(accountId: string, file: string, size: number, type: string): Promise<string> {
    const url = session.uploadUrl(accountId);
    return await patiently(async () => {
      const answer = await send({ method: "POST", url, type, body: { file, size }, step: "upload" }, async (body) =>
        parsed(await readText("upload", body)),
      );
      const blobId = isFields(answer) ? text(answer["blobId"]) : "";
      if (blobId === "") throw new Trouble("upload: no blob id in the answer", "passing");
      return blobId;
    }, patience);
  }
}

/** RFC 8620 section 3.6.2: after these nothing is wrong with the call itself. */
const PASSING = new Set(["serverUnavailable", "rateLimit", "serverPartialFail"]);

function resultsOf(step: string, calls: readonly Call[], answer: unknown): readonly Result[] {
  const responses = isFields(answer) ? answer["methodResponses"] : undefined;
  if (!Array.isArray(responses)) throw new Trouble(`${step}: what answers does not speak JMAP`, "passing");
  return calls.map(([method], index) => {
    for (const response of responses as readonly unknown[]) {
      if (!Array.isArray(response)) continue;
      const [name, args, id] = response as readonly unknown[];
      if (id !== String(index) || !isFields(args)) continue;
      if (name === "error") return methodError(method, args);
      if (name === method) return args;
    }
    return new Trouble(`${method}: no answer to it`, "passing");
  });
}

function methodError(method: string, error: Fields): Trouble {
  const type = /^[A-Za-z]{1,40}$/.test(text(error["type"])) ? text(error["type"]) : "unnamed error";
  return new Trouble(`${method}: ${type}`, PASSING.has(type) ? "passing" : "refused", {
    type,
    mayHaveHappened: type === "serverPartialFail" || type === "serverFail",
    about: [...strings(error["arguments"]), text(error["description"])],
  });
}
