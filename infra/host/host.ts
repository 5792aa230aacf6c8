/**
 * Makes: the files and containers on the docker host, over SSH, and the Worker's key there.
 * Must be true first: the host has docker with its compose plugin, and the user may use it (docs/host.md).
 * By hand: nothing. A destroy stops the containers and leaves everything else.
 */
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { BackupKey } from "../backup/bucket";
import type { Settings } from "../settings/settings";

import { commandArgs } from "./command";
import { hostFiles } from "./files";
import { STALWART_VERSION } from "./images";
import { workerAddress } from "./layout";
import { startOnhostBundle } from "./onhost";
import { pack } from "./ship/pack";
import {
  arrivalsKeyScript,
  backupPasswordScript,
  installScript,
  keyScript,
  retireScript,
  stopCommand,
  tailnetScript,
} from "./ship/script";
import { textsToHide } from "./ship/secrets";

export interface HostArgs {
  readonly settings: Settings;
  /** Secret. */
  readonly tunnelToken: pulumi.Input<string>;
  /** Secret. */
  readonly acmeDnsToken: pulumi.Input<string>;
  /** Secret; for backups into a bucket of ours. */
  readonly backupKey?: pulumi.Input<BackupKey> | undefined;
  /** Secret. Needed where the settings have a tailnet. */
  readonly tailnetKey?: pulumi.Input<string> | undefined;
}

export class Host extends pulumi.ComponentResource {
  /** Done when the services run with their files and Stalwart is as planned. */
  readonly files: pulumi.Resource;
  /** The API key with which the Worker imports mail. Secret. */
  readonly workerKey: pulumi.Output<string>;
  /** The key with which the Worker asks whether a message has arrived. Secret. It has the number of the other one. */
  readonly arrivalsKey: pulumi.Output<string>;

  readonly #name: string;
  readonly #key: pulumi.Resource;
  readonly #settings: Settings;
  readonly #sha256: pulumi.Output<string>;

  constructor(name: string, args: HostArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:Host", name, {}, opts);
    const { settings } = args;
    this.#name = name;
    this.#settings = settings;
    const { folder } = settings.host;

    const packed = pulumi
      .all([args.tunnelToken, args.acmeDnsToken, args.tailnetKey, args.backupKey, startOnhostBundle()])
      .apply(([tunnelToken, acmeDnsToken, tailnetKey, backupKey, program]) => {
        const edge = { tunnelToken, acmeDnsToken, tailnetKey, backupKey };
        return { files: pack(hostFiles(settings, edge, program)), secrets: textsToHide(settings, edge) };
      });
    this.#sha256 = packed.apply(({ files }) => files.sha256);
    const script = packed.apply(({ files, secrets }) =>
      installScript(files, { folder, stalwartVersion: STALWART_VERSION, secrets }),
    );
    const files = new command.remote.Command(
      `${name}-files`,
      { ...this.#run(script), delete: stopCommand(folder) },
      // Whoever replaces it on purpose gets the old containers stopped before the new ones start, and not after.
      { parent: this, deleteBeforeReplace: true, additionalSecretOutputs: ["stdout", "stderr"] },
    );
    const key = new command.remote.Command(
      `${name}-key`,
      this.#run(keyScript(folder, settings.stalwart.workerKeyNumber, workerAddress(settings.host.subnet))),
      { parent: this, dependsOn: files, additionalSecretOutputs: ["stdout", "stderr"] },
    );

    const arrivalsKey = new command.remote.Command(
      `${name}-arrivals-key`,
      this.#run(arrivalsKeyScript(folder, settings.stalwart.workerKeyNumber)),
      { parent: this, dependsOn: files, additionalSecretOutputs: ["stdout", "stderr"] },
    );

    this.files = files;
    this.#key = key;
    this.workerKey = pulumi.secret(key.stdout.apply(lastLine));
    this.arrivalsKey = pulumi.secret(arrivalsKey.stdout.apply(lastLine));
    this.registerOutputs({ workerKey: this.workerKey, arrivalsKey: this.arrivalsKey });
  }

  /** Withdraws the Worker's keys before the present one and the kept one, once `worker` has it: there is no moment without a valid key. */
  keyRetired(worker: pulumi.Input<pulumi.Resource>): pulumi.Resource {
    const { host, stalwart } = this.#settings;
    const { workerKeyNumber, workerKeyKept = workerKeyNumber } = stalwart;
    return new command.remote.Command(
      `${this.#name}-key-retired`,
      this.#run(retireScript(host.folder, Math.min(workerKeyNumber, workerKeyKept))),
      { parent: this, dependsOn: [this.#key, worker], additionalSecretOutputs: ["stdout", "stderr"] },
    );
  }

  /**
   * While there is a former password of the backups, the host has the repository take the new one; last, because a repository
   * that does not answer now is to hinder nothing of `after`.
   */
  backupPassword(after: readonly pulumi.Resource[]): void {
    const { backup, host } = this.#settings;
    if (backup?.previousPassword === undefined) return;
    new command.remote.Command(
      `${this.#name}-backup-password`,
      this.#run(this.#sha256.apply((sha256) => backupPasswordScript(host.folder, sha256))),
      { parent: this, dependsOn: [this.files, ...after], additionalSecretOutputs: ["stdout", "stderr"] },
    );
  }

  /**
   * The id of the host's machine in the tailnet. The host is asked when it has joined, and last: a tailnet that does not let it
   * in hinders nothing of `after`.
   */
  tailnetNode(after: readonly pulumi.Resource[]): pulumi.Output<string> {
    const { folder } = this.#settings.host;
    const node = new command.remote.Command(
      `${this.#name}-tailnet`,
      this.#run(this.#sha256.apply((sha256) => tailnetScript(folder, sha256))),
      { parent: this, dependsOn: [this.files, ...after], additionalSecretOutputs: ["stderr"] },
    );
    return node.stdout.apply(lastLine);
  }

  #run(script: pulumi.Input<string>): command.remote.CommandArgs {
    return commandArgs(this.#settings.host, script);
  }
}

/** The user's own start files may greet before. Without the engine a failed command leaves nothing, and its error is told. */
function lastLine(printed: string | undefined): string {
  return printed?.trimEnd().split("\n").at(-1) ?? "";
}
