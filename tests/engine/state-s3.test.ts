import { execFile, type ExecFileException } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

import { engineAtHand, findEngine } from "../../sandbox/engine/find";
import { toSettings } from "../../sandbox/engine/checkout";
import { silent } from "../../sandbox/progress";
import { standIns } from "../../sandbox/stand-ins";
import { type TemporaryFolder, temporaryFolder } from "../../sandbox/temporary";
import { isBuilt } from "../../tools/go-tool";
import { type RepositoryServer, startS3 } from "../judges/backup/servers";
import { fromDocs, words } from "../docs";
import { REQUIRE_ALL } from "../needs";
import { typed } from "../shell";

const BUCKET = "state";
const PASSWORD = "a password of the administrator";

const hasAll = REQUIRE_ALL || (engineAtHand() && isBuilt("versitygw"));
if (!hasAll)
  process.stderr.write(
    "skipped: a state in S3 needs the engine and versitygw. npm run engine; npm run tools -- versitygw\n",
  );

/** As docs/ci.md has it for R2, with another server's name. */
(hasAll ? describe : describe.skip)("the state in an S3 server", () => {
  let folder: TemporaryFolder;
  let server: RepositoryServer;
  let project: string;
  let place: string;
  let environmentOf: (backend: string) => NodeJS.ProcessEnv;
  let pulumi: (args: readonly string[], input?: string, backend?: string) => Promise<{ code: number; output: string }>;

  beforeAll(async () => {
    folder = temporaryFolder();
    server = await startS3(folder.path);
    mkdirSync(bucket());
    project = join(folder.path, "project");
    mkdirSync(project);
    toSettings(project, { name: "prod", standIns: standIns("prod"), apiUrl: "http://127.0.0.1:1" });
    const { command } = await findEngine(silent);
    if (command === undefined) throw new Error("no engine");
    const [, told = ""] = fromDocs("docs/ci.md", "export PULUMI_BACKEND_URL='s3://BUCKET?region=REGION'").split("'");
    const bucketUrl = told.replace("BUCKET", BUCKET).replace("REGION", "us-east-1");
    const url = `${bucketUrl}&endpoint=https://localhost:${server.port}&s3ForcePathStyle=true`;
    place = `${url}&request_checksum_calculation=when_supported`;
    environmentOf = (backend) => ({
      ...process.env,
      ...server.environment,
      PATH: [dirname(command.command), process.env["PATH"]].join(delimiter),
      // Both: the second one, where it is set, wins over the first.
      SSL_CERT_FILE: join(folder.path, "chain.pem"),
      AWS_CA_BUNDLE: join(folder.path, "chain.pem"),
      PULUMI_HOME: join(folder.path, "home"),
      PULUMI_BACKEND_URL: backend,
      PULUMI_CONFIG_PASSPHRASE: "a passphrase",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    });
    pulumi = (args, input = "", backend = place) =>
      new Promise((resolve) => {
        const env = environmentOf(backend);
        const child = execFile(
          command.command,
          [...args, "--non-interactive"],
          { cwd: project, env },
          (error: ExecFileException | null, stdout, stderr) =>
            resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` }),
        );
        child.stdin?.end(input);
      });
  });

  afterAll(() => {
    server.stop();
    folder.remove();
  });

  const bucket = () => join(folder.path, "s3", BUCKET);

  it("holds the stack, and no secret in the clear", async () => {
    expect(await pulumi(["stack", "init", "prod"])).toMatchObject({ code: 0 });
    expect(
      await pulumi(["config", "set", "--secret", "mail:adminPassword", "--stack", "prod"], PASSWORD),
    ).toMatchObject({
      code: 0,
    });
    // An empty state: the program is not run for it.
    expect(await pulumi(["refresh", "--yes", "--stack", "prod"])).toMatchObject({ code: 0 });
    const state = readFileSync(join(bucket(), ".pulumi", "stacks", "mail", "prod.json"), "utf8");
    expect(JSON.parse(state)).toMatchObject({ version: 3 });
    expect(state).not.toContain(PASSWORD);
    expect(readdirSync(join(bucket(), ".pulumi", "backups", "mail", "prod"))).not.toEqual([]);
  });

  it("is locked for others while a run lasts, and freed by cancel", async () => {
    const locks = join(bucket(), ".pulumi", "locks", "organization", "mail", "prod");
    mkdirSync(locks, { recursive: true });
    const lock = { pid: 1, username: "somebody", hostname: "elsewhere", timestamp: "2026-11-22T20:00:00Z" };
    writeFileSync(join(locks, `${randomUUID()}.json`), JSON.stringify(lock));
    const refused = await pulumi(["refresh", "--yes", "--stack", "prod"]);
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain("the stack is currently locked by 1 lock(s)");
    expect(
      await pulumi([...words(fromDocs("docs/ci.md", "pulumi cancel --stack prod")).slice(1), "--yes"]),
    ).toMatchObject({ code: 0 });
    expect(await pulumi(["refresh", "--yes", "--stack", "prod"])).toMatchObject({ code: 0 });
  });

  it("moves elsewhere by export and import", async () => {
    const elsewhere = `file://${folder.path}`;
    const moved = await typed(
      [
        fromDocs("docs/ci.md", "pulumi stack init prod"),
        fromDocs(
          "docs/ci.md",
          "PULUMI_BACKEND_URL='OLD' pulumi stack export --stack prod | pulumi stack import --stack prod",
        ).replace("OLD", place),
      ].join(" && "),
      { cwd: project, env: environmentOf(elsewhere) },
    );
    expect(moved).toMatchObject({ code: 0, stdout: expect.stringContaining("Import complete") as string });
    expect(readdirSync(project).filter((name) => name.endsWith(".json"))).toEqual([]);
    const secret = await pulumi(["config", "get", "mail:adminPassword", "--stack", "prod"], "", elsewhere);
    expect(secret).toMatchObject({ code: 0 });
    expect(secret.output.trim()).toBe(PASSWORD);
  });
});
