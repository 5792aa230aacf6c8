import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import type { OriginRequest, OriginResponse } from "../origin";
import type { Mount, Service } from "./compose-file";

/** Where a request arrives: the container's address on the network that both are on, if it is fixed. */
export interface Destination {
  readonly address: string | undefined;
  readonly port: number;
  /** The asker's address on that network. */
  readonly from: string | undefined;
}

/** The main process of a container. */
export interface Process {
  /** Answers HTTP on a port of the container; undefined: nothing listens there. */
  readonly http?: (to: Destination, request: OriginRequest) => Promise<OriginResponse> | undefined;
  /** Loopback ports behind the container's own, for programs that connect themselves. */
  readonly ports?: () => ReadonlyMap<number, number>;
  /** Whether the health check's command would end well; "never" saves waiting for what cannot come. */
  readonly probe: (test: readonly string[]) => Promise<boolean | "never">;
  readonly stop: () => Promise<void>;
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What an image has inside: a stand-in for the program that the container's first process is. */
export interface Program {
  /** Rejects when the process would end at once; the text is what it logs. */
  readonly start?: (container: Container) => Promise<Process>;
  /** Runs it once with arguments, as `docker compose run`. */
  readonly run?: (container: Container, args: readonly string[], stdin: Buffer) => Promise<Finished>;
}

/** How a container sees the others of its project. */
export interface Neighbours {
  /** Asks `http://host:port`; rejects when the name or address is unknown on the asker's networks or nobody listens. */
  readonly request: (host: string, port: number, request: OriginRequest) => Promise<OriginResponse>;
  /** The loopback port behind `host:port`; undefined when the name or address is unknown or nobody listens. */
  readonly port: (host: string, port: number) => number | undefined;
  /** Loopback ports behind those of the others, by `name:port`. */
  readonly ports: () => Readonly<Record<string, number>>;
}

/** A file system of mounts, an environment and neighbours: all that a process in a container has. */
export class Container {
  /** A file that is mounted by itself is the one that lay there when the container started; one that replaced it is not seen. */
  readonly #pinned = new Map<string, Buffer>();

  /** @throws Error in the engine's words when a mounted file is missing. */
  constructor(
    readonly service: Service,
    readonly neighbours: Neighbours,
  ) {
    for (const { source, target } of service.mounts) {
      if (!existsSync(source))
        throw new Error(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
      if (statSync(source).isFile()) this.#pinned.set(target, readFileSync(source));
    }
  }

  /** @throws Error with code ENOENT as an open would. */
  read(path: string): string {
    const pinned = this.#pinned.get(path);
    if (pinned) return pinned.toString("utf8");
    return readFileSync(this.hostPath(path), "utf8");
  }

  /** Where a path of the container lies on the host. @throws Error when nothing is mounted there. */
  hostPath(path: string): string {
    const mount = this.mountOf(path);
    if (!mount) throw Object.assign(new Error(`open ${path}: no such file or directory`), { code: "ENOENT" });
    return join(mount.source, path.slice(mount.target.length));
  }

  mountOf(path: string): Mount | undefined {
    return this.service.mounts
      .filter(({ target }) => path === target || path.startsWith(`${target.replace(/\/$/, "")}/`))
      .sort((a, b) => b.target.length - a.target.length)[0];
  }

  /** A variable of the environment, or the content of the file that its sibling `_FILE` names. */
  secret(name: string): string | undefined {
    const file = this.service.environment[`${name}_FILE`];
    return file === undefined ? this.service.environment[name] : this.read(file).trim();
  }
}
