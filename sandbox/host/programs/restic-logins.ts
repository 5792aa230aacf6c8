import { randomBytes } from "node:crypto";

import { S3_BUCKET } from "../../cloud/kinds/s3";
import { Refusal } from "../../cloud/refusal";
import type { World } from "../../cloud/world";
import type { Container, Finished, Program } from "../docker/container";

const ACCESS_KEY = "aws:iam/accessKey:AccessKey";
/** Exit codes of restic (manual, "Exit codes"). */
const [FAILED, NO_REPOSITORY, WRONG_PASSWORD] = [1, 10, 12];

interface Repository {
  readonly id: string;
  /** Password by the key's id. */
  readonly keys: Map<string, string>;
}

/**
 * restic as far as it is about who may in: the login of the repository's server, its keys and their passwords. It keeps no
 * data: tests/judges/backup-restic.test.ts and backup-password.test.ts run the real one.
 */
export function resticLogins(world: World): Program {
  const repositories = new Map<string, Repository>();
  return {
    run: (container, args) => Promise.resolve(ran(world, repositories, container, args)),
  };
}

function ran(
  world: World,
  repositories: Map<string, Repository>,
  container: Container,
  args: readonly string[],
): Finished {
  const { RESTIC_REPOSITORY: url = "", ...environment } = container.service.environment;
  const password = container.secret("RESTIC_PASSWORD") ?? "";
  const [verb = "", what] = args;
  const command = ["cat", "key", "list"].includes(verb) ? `${verb} ${what ?? ""}` : verb;
  try {
    world.mayFail(`restic ${command}`);
  } catch (error) {
    if (error instanceof Refusal) return fatal(FAILED, error.message);
    throw error;
  }
  if (!mayEnter(world, url, environment)) return fatal(FAILED, "Stat: Access Denied.");

  const repository = repositories.get(url);
  if (command === "init") {
    if (repository) return fatal(FAILED, "create repository failed: config file already exists");
    repositories.set(url, { id: hex(), keys: new Map([[hex(), password]]) });
    return said(`created restic repository at ${url}\n`);
  }
  if (!repository) return fatal(NO_REPOSITORY, "repository does not exist: unable to open config file");
  const current = [...repository.keys].find(([, known]) => known === password)?.[0];
  if (current === undefined) return fatal(WRONG_PASSWORD, "wrong password or no key found");
  switch (command) {
    case "cat config":
      return said(JSON.stringify({ version: 2, id: repository.id }, undefined, 2));
    case "key list":
      return said(JSON.stringify([...repository.keys.keys()].map((id) => ({ current: id === current, id }))));
    case "key add": {
      const file = args[args.indexOf("--new-password-file") + 1] ?? "";
      repository.keys.set(hex(), container.read(file).trim());
      return said("saved new key\n");
    }
    case "key remove":
      if (args[2] === current) return fatal(FAILED, "refusing to remove key currently used to access repository");
      return repository.keys.delete(args[2] ?? "") ? said("removed key\n") : fatal(FAILED, "no matching ID found");
    case "list locks":
    case "backup":
    case "forget":
    case "check":
      return said("");
    default:
      return fatal(FAILED, `the sandbox does not know restic ${command}`);
  }
}

/** S3 asks for a key that IAM knows; other servers are not modelled. */
function mayEnter(world: World, url: string, login: Readonly<Record<string, string>>): boolean {
  const bucket = /^s3:https:\/\/s3\.[\w-]+\.amazonaws\.com\/([^/]+)\//.exec(url)?.[1];
  if (bucket === undefined) return true;
  return (
    world.all(S3_BUCKET).some(({ id }) => id === bucket) &&
    world
      .all(ACCESS_KEY)
      .some(({ id, props }) => id === login["AWS_ACCESS_KEY_ID"] && props["secret"] === login["AWS_SECRET_ACCESS_KEY"])
  );
}

const said = (stdout: string): Finished => ({ code: 0, stdout, stderr: "" });
const fatal = (code: number, text: string): Finished => ({ code, stdout: "", stderr: `Fatal: ${text}\n` });
const hex = () => randomBytes(32).toString("hex");
