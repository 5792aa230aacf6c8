import { join } from "node:path";

import type { Settings } from "../../infra/settings/settings";
import type { World } from "../cloud/world";
import type { Connectors } from "../edge/connector";
import { runCommand } from "../engine/command";
import type { StandIns } from "../stand-ins";
import { temporaryFolder } from "../temporary";
import { Engine } from "./docker/engine";
import { installDocker } from "./docker/socket";
import type { StoredMessage } from "./mail-store";
import { cloudflared } from "./programs/cloudflared";
import { coredns } from "./programs/coredns";
import { node } from "./programs/node";
import { restic } from "./programs/restic";
import { resticLogins } from "./programs/restic-logins";
import { stalwart, type StalwartFault } from "./programs/stalwart";
import { stalwartCli } from "./programs/stalwart-cli";
import { tailscale } from "./programs/tailscale";
import { traefik } from "./programs/traefik";
import { type SshServer, startSshServer } from "./ssh-server";

/** The machine at home: it knows nothing but its user and who may log in. Everything else is shipped to it. */
export interface Home {
  readonly ssh: SshServer;
  readonly engine: Engine;
  /** The user's home folder. */
  readonly folder: string;
  /** The messages of the account that has this address, oldest first. Empty while there is no such account. */
  readonly mailbox: (address: string) => readonly StoredMessage[];
  /** Loopback port of the mail server; undefined while it does not run. */
  readonly mailPort: () => number | undefined;
  /** The power fails: no container runs, nobody answers by SSH. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  /** What is wrong with a version of Stalwart, from its next start on. */
  readonly stalwartFaults: Map<string, StalwartFault>;
  readonly close: () => Promise<void>;
}

export interface HomeOptions {
  readonly settings: Settings;
  readonly invented: StandIns["host"];
  readonly world: World;
  readonly connectors: Connectors;
  readonly mailFolder?: string;
  /** Where the backups go; absent: a model of the repository's logins, without data. */
  readonly repository?: string;
}

export async function startHome({
  settings,
  invented,
  world,
  connectors,
  mailFolder,
  repository,
}: HomeOptions): Promise<Home> {
  const machine = temporaryFolder();
  const folder = join(machine.path, "home");
  const stalwartFaults = new Map<string, StalwartFault>();
  const mailServer = stalwart({ ...(mailFolder === undefined ? {} : { mailFolder }), faults: stalwartFaults });
  const engine = new Engine({
    "stalwartlabs/stalwart": mailServer,
    "stalwartlabs/cli": stalwartCli,
    traefik,
    "cloudflare/cloudflared": cloudflared(world, connectors),
    "tailscale/tailscale": tailscale(world),
    "coredns/coredns": coredns,
    node,
    "restic/restic": repository === undefined ? resticLogins(world) : restic(repository),
  });
  const docker = await installDocker(join(machine.path, "bin"), engine);
  const { user, port } = settings.host;
  const ssh = await startSshServer({
    ...invented,
    user,
    home: folder,
    path: [docker.folder, join(__dirname, "systemd")],
    port,
  });
  world.commands = { run: runCommand };
  return {
    ssh,
    engine,
    folder,
    stalwartFaults,
    mailbox: (address) => mailServer.server()?.mailbox(address) ?? [],
    mailPort: () => mailServer.server()?.port,
    async pause() {
      await ssh.pause();
      await engine.off();
    },
    async resume() {
      await engine.on();
      await ssh.resume();
    },
    async close() {
      await ssh.close();
      await engine.off();
      await docker.close();
      machine.remove();
    },
  };
}
