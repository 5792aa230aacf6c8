import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parseDocument } from "yaml";

import { scripts } from "../../../package.json";
import { ENGINE_VERSION } from "../../../sandbox/engine/find";

const ROOT = join(__dirname, "..", "..", "..");
const FOLDER = join(ROOT, ".github", "workflows");
const NAMES = readdirSync(FOLDER);

/** What a workflow may do with the repository, beyond which a job must say why here. */
const PERMISSIONS: Readonly<Record<string, object>> = {
  "check.yml": { contents: "read" },
  // The token says to Amazon, or Tailscale, which environment of which repository asks.
  "preview.yml preview": { contents: "read", "id-token": "write" },
  // It has neither a checkout nor a secret.
  "preview.yml comment": { "pull-requests": "write" },
  "up.yml up": { contents: "read", "id-token": "write" },
  "drift.yml drift": { contents: "read", "id-token": "write" },
};

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

interface Job {
  readonly if?: string;
  readonly environment?: string;
  readonly permissions?: object;
  readonly "timeout-minutes"?: number;
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: object;
  readonly jobs: Readonly<Record<string, Job>>;
}

function read(name: string): Workflow {
  const document = parseDocument(readFileSync(join(FOLDER, name), "utf8"), { strict: true });
  expect(document.errors).toEqual([]);
  expect(document.warnings).toEqual([]);
  return document.toJS() as Workflow;
}

const jobs = NAMES.flatMap((name) => {
  const workflow = read(name);
  return Object.entries(workflow.jobs).map(([id, job]) => ({ name, id, job, workflow }));
});
const steps = jobs.flatMap(({ name, id, job }) => job.steps.map((step) => ({ at: `${name} ${id}`, step })));
const secretsIn = (value: unknown): string[] => JSON.stringify(value).match(/secrets\.\w+/g) ?? [];

describe("workflows", () => {
  it("are started by what cannot hand a fork's code a secret", () => {
    for (const name of NAMES)
      expect([
        name,
        Object.keys(read(name).on).filter(
          (event) => !["pull_request", "push", "schedule", "workflow_dispatch"].includes(event),
        ),
      ]).toEqual([name, []]);
  });

  it("may do no more than is listed here", () => {
    for (const { name, id, job, workflow } of jobs) {
      const allowed = job.permissions ?? workflow.permissions;
      expect([`${name} ${id}`, allowed]).toEqual([`${name} ${id}`, PERMISSIONS[`${name} ${id}`] ?? PERMISSIONS[name]]);
    }
  });

  it("have a limit of time", () => {
    for (const { name, id, job } of jobs)
      expect([name, id, typeof job["timeout-minutes"]]).toEqual([name, id, "number"]);
  });

  it("use actions by commit, each the same one everywhere, with its version beside it", () => {
    const commits = new Map<string, string>();
    for (const name of NAMES)
      for (const line of readFileSync(join(FOLDER, name), "utf8").split("\n")) {
        if (!line.includes("uses:")) continue;
        const [, action, commit] = /uses: ([\w.-]+\/[\w.-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$/.exec(line) ?? [];
        expect([name, line.trim(), action]).not.toContain(undefined);
        if (action === undefined || commit === undefined) continue;
        expect([action, commits.get(action) ?? commit]).toEqual([action, commit]);
        commits.set(action, commit);
      }
  });

  it("leave no token in the checkout", () => {
    for (const { at, step } of steps)
      if (step.uses?.startsWith("actions/checkout@"))
        expect([at, step.with?.["persist-credentials"]]).toEqual([at, false]);
  });

  it("run only npm scripts and files that exist", () => {
    const script = { at: ".ci/stacks", step: { run: readFileSync(join(ROOT, ".ci", "stacks"), "utf8") } };
    for (const { at, step } of [...steps, script]) {
      for (const [, script = ""] of (step.run ?? "").matchAll(/npm run (?:--silent )?([\w:-]+)/g))
        expect([at, script, script in scripts]).toEqual([at, script, true]);
      for (const [file] of (step.run ?? "").matchAll(/\.ci\/\w+/g))
        expect([at, file, existsSync(join(ROOT, file))]).toEqual([at, file, true]);
    }
  });

  it("put no text of somebody else's into a script", () => {
    for (const { at, step } of steps) expect([at, step.run ?? ""]).not.toEqual([at, expect.stringContaining("${{")]);
  });

  it("install the engine that is tested", () => {
    const versions = steps.flatMap(({ step }) => (step.uses?.startsWith("pulumi/actions@") ? [step.with] : []));
    expect(versions.length).toBeGreaterThan(0);
    for (const options of versions) expect(options).toEqual({ "pulumi-version": ENGINE_VERSION });
  });

  it("give secrets only to a job of an environment, and there only to the step that needs them", () => {
    for (const { name, id, job, workflow } of jobs) {
      const { steps: ofJob, ...rest } = job;
      expect([name, id, secretsIn(rest), secretsIn({ ...workflow, jobs: {} })]).toEqual([name, id, [], []]);
      if (secretsIn(ofJob).length > 0) expect([name, id, job.environment]).not.toContain(undefined);
      // What installs other people's code sees none, and runs none of it: an install script could wait for the next step.
      for (const step of ofJob)
        if (/^npm (ci|install)/m.test(step.run ?? "")) expect([name, id, secretsIn(step)]).toEqual([name, id, []]);
      if (job.environment !== undefined)
        expect(ofJob.flatMap(({ run }) => (run?.includes("npm ") ? [run] : []))).toEqual(["npm ci --ignore-scripts"]);
    }
  });

  it("store no login of Tailscale's, and one of Amazon's only for a store that is not Amazon's", () => {
    const all = secretsIn(jobs.map(({ job }) => job));
    expect([...new Set(all)].sort()).toEqual([
      ...["secrets.AWS_ACCESS_KEY_ID", "secrets.AWS_SECRET_ACCESS_KEY", "secrets.CLOUDFLARE_API_TOKEN"],
      ...["secrets.PULUMI_ACCESS_TOKEN", "secrets.PULUMI_CONFIG_PASSPHRASE"],
    ]);
    for (const { name, job } of jobs.filter(({ job }) => job.environment !== undefined)) {
      const uses = job.steps.map(({ uses, run }) => uses ?? run ?? "");
      const login = uses.findIndex((each) => each.startsWith("aws-actions/configure-aws-credentials@"));
      // Nothing is installed any more when a login is there, and an empty secret does not take its place.
      expect([name, login > uses.findIndex((each) => each.startsWith("npm ci"))]).toEqual([name, true]);
      for (const { env } of job.steps.slice(login))
        if (env?.["AWS_ACCESS_KEY_ID"] !== undefined)
          expect([name, env["AWS_ACCESS_KEY_ID"]]).toEqual([
            name,
            "${{ secrets.AWS_ACCESS_KEY_ID || env.AWS_ACCESS_KEY_ID }}",
          ]);
    }
  });

  it("do nothing before somebody has named stacks, nothing for forks, and apply main only", () => {
    for (const { name, job } of jobs)
      if (job.environment !== undefined)
        expect([name, job.if]).toEqual([name, expect.stringContaining("vars.MAIL_STACKS != ''")]);
    expect(read("preview.yml").jobs["preview"]?.if).toContain(
      "github.event.pull_request.head.repo.full_name == github.repository",
    );
    for (const name of ["up", "drift"])
      expect(read(`${name}.yml`).jobs[name]?.if).toContain("github.ref == 'refs/heads/main'");
    expect(read("up.yml").jobs["up"]?.environment).toBe("production");
  });
});
