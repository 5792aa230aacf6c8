import { execFile } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { createPrivateKey } from "node:crypto";
import { parse } from "yaml";
import { run } from "../../ops/new-domain";
import type { Output } from "../../ops/output";
import { pulumiIn } from "../../ops/new-domain/pulumi";
import { findEngine } from "../../sandbox/engine/find";
import { silent } from "../../sandbox/progress";
import { temporaryFolder } from "../../sandbox/temporary";
import { type Lab, openLab } from "../unit/new-domain/lab";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

const KEYS = ["dkimRsaPrivateKey", "dkimEd25519PrivateKey"] as const;

describeEngine("npm run new-domain with Pulumi's own command line", () => {
  const state = temporaryFolder();
  let lab: Lab;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const { command, ...nothing } = await findEngine(silent);
    if (command === undefined) throw new Error(JSON.stringify(nothing));
    lab = await openLab();
    lab.write("prod", `config:\n  mail:domain: host.example\n`);
    environment = {
      ...process.env,
      ...lab.environment,
      PATH: [dirname(command.command), process.env["PATH"] ?? ""].join(delimiter),
      PULUMI_HOME: join(state.path, "home"),
      PULUMI_BACKEND_URL: `file://${state.path}`,
      PULUMI_CONFIG_PASSPHRASE: "sandbox",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => {
    lab.close();
    state.remove();
  });

  function newDomain(args: readonly string[] = [], instead: NodeJS.ProcessEnv = {}): Promise<Output> {
    const merged = { ...environment, ...instead };
    const { directory } = lab;
    return run(["example.org", "--host", "prod", ...args], merged, { directory, pulumi: pulumiIn(directory, merged) });
  }

  function plaintext(key: string): Promise<string> {
    const args = ["config", "get", `mail:${key}`, "--stack", "example-org"];
    return new Promise((resolve, reject) =>
      execFile("pulumi", args, { cwd: lab.directory, env: environment }, (error, stdout) =>
        error ? reject(new Error(error.message)) : resolve(stdout.replace(/\n$/, "")),
      ),
    );
  }

  it(
    "stops with one sentence when Pulumi cannot encrypt, and goes on from there",
    async () => {
      const without = await newDomain([], {
        PULUMI_CONFIG_PASSPHRASE: undefined,
        PULUMI_BACKEND_URL: "file:///nowhere",
      });
      expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining("pulumi stack ls fails") as string });
      expect((await newDomain()).stderr).toBeUndefined();
    },
    ENGINE_TIMEOUT_MS,
  );

  it(
    "leaves a stack with both keys encrypted, whose plaintext Pulumi gives back byte for byte",
    async () => {
      const text = readFileSync(join(lab.directory, "Pulumi.example-org.yaml"), "utf8");
      expect(text).toContain("# A further domain on the host of another stack.");
      expect(text).not.toContain("PRIVATE KEY");
      const { config } = parse(text) as { config: Record<string, unknown> };
      for (const key of KEYS) {
        expect(config[`mail:${key}`]).toEqual({ secure: expect.stringMatching(/^v1:/) as string });
        expect(createPrivateKey(await plaintext(key)).asymmetricKeyType).toBe(
          key === "dkimRsaPrivateKey" ? "rsa" : "ed25519",
        );
      }
    },
    ENGINE_TIMEOUT_MS,
  );

  it(
    "overwrites no key and changes no byte the second time",
    async () => {
      const copy = join(state.path, "before.yaml");
      cpSync(join(lab.directory, "Pulumi.example-org.yaml"), copy);
      const { code, stdout } = await newDomain();
      expect(code).toBe(0);
      expect(stdout).toContain("Pulumi.example-org.yaml stays as it is.");
      expect(readFileSync(join(lab.directory, "Pulumi.example-org.yaml"), "utf8")).toBe(readFileSync(copy, "utf8"));
    },
    ENGINE_TIMEOUT_MS,
  );
});
