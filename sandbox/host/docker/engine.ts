import { resolve } from "node:path";

import { type Arguments, parseArguments, UsageError } from "./arguments";
import { ComposeError, type Project, readProject, type Service } from "./compose-file";
import { Container, type Neighbours, type Process, type Program } from "./container";
import { neighboursOf } from "./network";
import { inOrder, withoutTools } from "./order";
import { withOptions } from "./run-options";
import type { Asked } from "./socket";

/** What a call of the command line ends with. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What happened to containers, oldest first. */
export interface EngineEvent {
  readonly action: "create" | "remove" | "start" | "stop" | "run";
  readonly service: string;
}

interface Running {
  readonly service: Service;
  container: Container | undefined;
  process: Process | undefined;
}

/** Longest wait for a container to become healthy; on a real host it is minutes. */
const HEALTHY_WITHIN_MS = 10_000;
const POLL_MS = 20;

/**
 * The container engine of the sandbox's host with its compose command: as strict as docker about files, and honest about
 * what it makes anew. Images are stand-ins for the programs that are in the real ones.
 */
export class Engine {
  readonly events: EngineEvent[] = [];
  readonly #containers = new Map<string, Running>();
  /** Where the project was brought up from. */
  readonly #folders = new Set<string>();
  #busy: Promise<unknown> = Promise.resolve();

  /** @param programs by the image's repository */
  constructor(private readonly programs: Readonly<Record<string, Program>>) {}

  /** One call of `docker`. */
  async docker({ args, cwd, environment, stdin }: Asked): Promise<Result> {
    try {
      const asked = parseArguments(args);
      if (asked.verb === "server-version") return said("28.5.2\n");
      if (asked.verb === "version") return said(asked.short ? "2.40.3\n" : "Docker Compose version v2.40.3\n");
      if (asked.verb === "docker-ps") return said([...this.#folders].map((folder) => `${folder}\n`).join(""));
      const project = readProject(resolve(cwd, asked.file), environment);
      const work = this.#busy.then(() => this.#compose(asked, project, Buffer.from(stdin, "base64")));
      this.#busy = work.catch(() => undefined);
      return await work;
    } catch (error) {
      if (error instanceof UsageError) return { code: 125, stdout: "", stderr: `${error.message}\n` };
      if (error instanceof ComposeError) return failed(error.message);
      throw error;
    }
  }

  /** The container of a service that runs. */
  running(service: string): Container | undefined {
    const found = this.#containers.get(service);
    return found?.process ? found.container : undefined;
  }

  /** A container as it was made. @throws Error when there is none */
  service(name: string): Service {
    const found = this.#containers.get(name);
    if (!found) throw new Error(`there is no container of ${name}`);
    return found.service;
  }

  /** The loopback port behind `service:port`. */
  port(service: string, port: number): number | undefined {
    return this.#containers.get(service)?.process?.ports?.().get(port);
  }

  /** The machine's power is cut: nothing runs, everything is kept. */
  async off(): Promise<void> {
    for (const running of [...this.#containers.values()].reverse()) await this.#stop(running);
  }

  /** The power is back: what ran before runs again (`restart: unless-stopped`). */
  async on(): Promise<void> {
    for (const running of this.#containers.values()) await this.#start(running);
  }

  async #compose(asked: Arguments, project: Project, stdin: Buffer): Promise<Result> {
    const enabled = project.services.filter(
      ({ profiles }) => profiles.length === 0 || profiles.some((profile) => asked.profiles.includes(profile)),
    );
    const of = (name: string): Service => {
      const found = project.services.find((service) => service.name === name);
      if (!found) throw new ComposeError(`no such service: ${name}`);
      return found;
    };
    switch (asked.verb) {
      case "config":
        return said("");
      case "pull":
        for (const { image } of enabled) this.#program(image);
        return said("");
      case "up":
        this.#folders.add(project.folder);
        return await this.#up(
          asked,
          project,
          asked.services.length === 0 ? withoutTools(enabled) : asked.services.map(of),
        );
      case "run":
        return await this.#run(withOptions(of(asked.services[0] ?? ""), asked), asked.command, stdin);
      case "start":
        for (const { name } of asked.services.map(of)) {
          const stopped = this.#containers.get(name);
          if (!stopped) throw new ComposeError(`service "${name}" has no container to start`);
          await this.#start(stopped);
        }
        return said("");
      case "restart":
        for (const service of asked.services.map(of)) {
          const running = this.#containers.get(service.name);
          if (!running) throw new ComposeError(`service "${service.name}" has no container to restart`);
          await this.#stop(running);
          await this.#start(running);
        }
        return said("");
      case "stop":
        for (const { name } of asked.services.length === 0 ? [...project.services].reverse() : asked.services.map(of)) {
          const running = this.#containers.get(name);
          if (running) await this.#stop(running);
        }
        return said("");
      case "down":
        for (const [name, running] of [...this.#containers].reverse()) await this.#remove(name, running);
        this.#folders.delete(project.folder);
        return said("");
      case "ps":
        return asked.json ? await this.#psJson(asked) : this.#ps(asked);
      default:
        throw new UsageError(`the sandbox does not know docker compose ${asked.verb}`);
    }
  }

  async #up(asked: Arguments, project: Project, wanted: readonly Service[]): Promise<Result> {
    if (asked.removeOrphans)
      for (const [name, running] of this.#containers)
        if (!project.services.some((service) => service.name === name)) await this.#remove(name, running);
    try {
      if (asked.noStart) for (const service of wanted) await this.#create(service);
      else
        for (const service of inOrder(wanted)) {
          for (const [other, condition] of Object.entries(service.dependsOn))
            if (condition === "service_healthy") await this.#waitHealthy(other, "dependency failed to start: ");
          await this.#bringUp(service);
        }
      if (asked.wait) for (const { name } of wanted) await this.#waitHealthy(name, "");
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
    return said("");
  }

  async #bringUp(service: Service): Promise<void> {
    await this.#start(await this.#create(service));
  }

  /** As it is to be, whether it runs or not. */
  async #create(service: Service): Promise<Running> {
    const known = this.#containers.get(service.name);
    if (known && known.service.hash === service.hash) return known;
    if (known) await this.#remove(service.name, known);
    const running: Running = { service, container: undefined, process: undefined };
    this.#containers.set(service.name, running);
    this.events.push({ action: "create", service: service.name });
    return running;
  }

  async #start(running: Running): Promise<void> {
    if (running.process) return;
    const { service } = running;
    const program = this.#program(service.image);
    if (!program.start) throw new ComposeError(`container of ${service.name} exited (1): its image only runs once`);
    try {
      const container = new Container(service, this.#neighbours(service));
      running.container = container;
      running.process = await program.start(container);
    } catch (error) {
      throw new Error(
        `Error response from daemon: container of ${service.name}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
    this.events.push({ action: "start", service: service.name });
  }

  async #stop(running: Running): Promise<void> {
    const { process, service } = running;
    running.process = undefined;
    if (!process) return;
    await process.stop();
    this.events.push({ action: "stop", service: service.name });
  }

  async #remove(name: string, running: Running): Promise<void> {
    await this.#stop(running);
    this.#containers.delete(name);
    this.events.push({ action: "remove", service: name });
  }

  async #run(service: Service, command: readonly string[], stdin: Buffer): Promise<Result> {
    const program = this.#program(service.image);
    if (!program.run) throw new ComposeError(`the sandbox cannot run ${service.name} once`);
    for (const [other, condition] of Object.entries(service.dependsOn)) {
      const needed = this.#containers.get(other);
      if (needed) await this.#start(needed);
      if (condition === "service_healthy") await this.#waitHealthy(other, "dependency failed to start: ");
    }
    this.events.push({ action: "run", service: service.name });
    let container: Container;
    try {
      container = new Container(service, this.#neighbours(service));
    } catch (error) {
      return failed(`Error response from daemon: ${error instanceof Error ? error.message : String(error)}`);
    }
    const args = [...(service.entrypoint?.slice(1) ?? []), ...(command.length > 0 ? command : (service.command ?? []))];
    return await program.run(container, args, stdin);
  }

  #ps(asked: Arguments): Result {
    const shown = [...this.#containers.values()].filter(({ process }) => asked.all || process !== undefined);
    const chosen = shown.filter(({ service }) => asked.services.length === 0 || asked.services.includes(service.name));
    const lines = chosen.map(({ service, process }) =>
      asked.quiet ? `sandbox-${service.name}` : `${service.name} ${process ? "running" : "exited"}`,
    );
    return said(lines.map((line) => `${line}\n`).join(""));
  }

  /** One object a line, as compose since 2.21. */
  async #psJson({ all }: Arguments): Promise<Result> {
    const shown = [...this.#containers.values()].filter(({ process }) => all || process !== undefined);
    const lines = shown.map(async ({ service, process }) => {
      const [, ...test] = service.health ?? [];
      const isHealthy = process !== undefined && test.length > 0 && (await process.probe(test)) === true;
      const health = process === undefined || test.length === 0 ? "" : isHealthy ? "healthy" : "unhealthy";
      const state = process === undefined ? "exited" : "running";
      return `${JSON.stringify({ Service: service.name, State: state, Health: health, Image: service.image })}\n`;
    });
    return said((await Promise.all(lines)).join(""));
  }

  async #waitHealthy(name: string, prefix: string): Promise<void> {
    const running = this.#containers.get(name);
    if (!running?.process) throw new Error(`${prefix}container mail-stack-${name}-1 exited (1)`);
    const { service, process } = running;
    if (!service.health) return;
    const [kind, ...test] = service.health;
    if (kind !== "CMD") throw new Error(`the sandbox models health checks of the form CMD, not ${kind ?? ""}`);
    for (let waited = 0; waited < HEALTHY_WITHIN_MS; waited += POLL_MS) {
      const health = await process.probe(test);
      if (health === true) return;
      if (health === "never") break;
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
    throw new Error(`${prefix}container mail-stack-${name}-1 is unhealthy`);
  }

  #neighbours(asker: Service): Neighbours {
    return neighboursOf(asker, () => this.#containers.values());
  }

  #program(image: string): Program {
    const repository = image.replace(/@sha256:.*$/, "").replace(/:[^/:]*$/, "");
    const program = this.programs[repository];
    if (!program)
      throw new ComposeError(
        `Error response from daemon: pull access denied for ${repository}: the sandbox has no such image`,
      );
    return program;
  }
}

function said(stdout: string): Result {
  return { code: 0, stdout, stderr: "" };
}

function failed(message: string): Result {
  return { code: 1, stdout: "", stderr: `${message}\n` };
}
