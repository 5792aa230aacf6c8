import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";

import { foreignValues, renderForeign } from "../../../infra/settings/foreign";
import { DOCUMENTED_DIRECTORY, settingsOf } from "../../../infra/settings/stack-file";
import { run } from "../../../ops/settings";
import { temporaryFolder } from "../../../sandbox/temporary";
import { documentedProgram } from "../documented";
import { HOST_KEY, rawWith, SECRETS } from "./fixtures";

const ROOT = join(__dirname, "../../..");

/** What is told of a stack of example.test. */
function told(values: Parameters<typeof rawWith>[0], ownZones?: readonly string[]): string[] {
  return foreignValues(rawWith(values), ownZones).map(renderForeign);
}

describe("values of another domain", () => {
  it.each<[string, Parameters<typeof rawWith>[0], RegExp]>([
    [
      "an address of DMARC reports",
      { dmarcAggregateAddress: "postmaster@augustin.ai" },
      /dmarcAggregateAddress is "postmaster@augustin.ai".*TXT "v=DMARC1" at example.test._report._dmarc.augustin.ai/,
    ],
    [
      "an address of failure reports, below a public suffix that is not the domain's",
      { dmarcFailureAddress: "x@one.github.io" },
      /dmarcFailureAddress .* at example.test._report._dmarc.one.github.io/,
    ],
    ["an address of TLS reports", { tlsReportAddress: "X@Example.net" }, /tlsReportAddress .*"example.net", another/],
    [
      "people whom Access lets in",
      { clientPeople: '["me@example.test","a@augustin.ai","b@example.com"]' },
      /clientPeople is "a@augustin.ai", "b@example.com"\. Access lets them in/,
    ],
    [
      "a bucket with another domain's name",
      { backup: "s3", backupBucket: "augustin-backups", backupPassword: "x" },
      /backupBucket is "augustin-backups"\. .* nothing of example.test in it/,
    ],
  ])("are told: %s", (_, values, text) => {
    expect(told(values)).toEqual([expect.stringMatching(text)]);
  });

  it.each<[string, Parameters<typeof rawWith>[0]]>([
    ["none", {}],
    ["an address of the domain", { dmarcAggregateAddress: "dmarc@example.test" }],
    ["an address below the domain", { tlsReportAddress: "tls@reports.example.test" }],
    ["no failure reports", { dmarcFailureAddress: "none" }],
    ["a bucket with the domain's own name", { backup: "s3", backupBucket: "my-example-backups" }],
    ["the bucket of backups that are off", { backup: "off", backupBucket: "augustin-backups" }],
    ["what the parser refuses", { clientPeople: "[", dmarcAggregateAddress: "nobody" }],
    ["what is encrypted", { tlsReportAddress: { text: "a@augustin.ai", secret: true } }],
  ])("are not told of: %s", (_, values) => {
    expect(told(values)).toEqual([]);
  });

  it("are not told of a zone in the same account", () => {
    const elsewhere = { dmarcAggregateAddress: "a@augustin.ai", tlsReportAddress: "b@mail.augustin.ai" };
    expect(told(elsewhere)).toHaveLength(2);
    expect(told(elsewhere, ["augustin.ai"])).toEqual([]);
  });
});

describe("a stack file that was copied, and its domain changed", () => {
  const folder = temporaryFolder();
  const text = readFileSync(join(DOCUMENTED_DIRECTORY, "Pulumi.prod.yaml"), "utf8");
  cpSync(join(ROOT, "Pulumi.yaml"), join(folder.path, "Pulumi.yaml"));
  afterAll(() => folder.remove());

  it.each(["example.org", "mail.example.co.uk"])("is told by npm run settings: %s", (domain) => {
    // As a person does it: the value of mail:domain, and what is then a problem.
    const changed = text
      .replace("mail:domain: augustin.ai", `mail:domain: ${domain}`)
      .replaceAll("root@augustin.ai", `root@${domain}`)
      .replace("stalwart.augustin.ai", `stalwart.${domain}`);
    writeFileSync(join(folder.path, "Pulumi.copy.yaml"), changed);
    const { stdout = "" } = run(["copy"], folder.path);
    for (const key of ["dmarcAggregateAddress", "dmarcFailureAddress", "tlsReportAddress", "backupBucket"])
      expect(stdout).toMatch(new RegExp(`^Warning: mail:${key} is ".*augustin`, "m"));
    const { warnings } = JSON.parse(run(["copy", "--json"], folder.path).stdout ?? "") as { warnings: unknown[] };
    expect(warnings).toHaveLength(4);
  });

  it("is told beside what is wrong, and one of the domain's own has no warning", () => {
    writeFileSync(
      join(folder.path, "Pulumi.copy.yaml"),
      text.replace("mail:domain: augustin.ai", "mail:domain: example.org"),
    );
    const { code, stdout = "" } = run(["copy"], folder.path);
    expect({ code, problem: stdout.includes("in another domain than the mail domain") }).toEqual({
      code: 1,
      problem: true,
    });
    expect(stdout).toContain("Warning: mail:tlsReportAddress");
    writeFileSync(join(folder.path, "Pulumi.copy.yaml"), text);
    expect(run(["copy"], folder.path).stdout).not.toContain("Warning");
  });
});

describe("the template of a first domain", () => {
  const template = readFileSync(join(ROOT, "stacks/first-domain.yaml"), "utf8");

  it("has nobody's values", () => {
    expect(template).not.toMatch(/augustin/);
    const folder = temporaryFolder();
    cpSync(join(ROOT, "Pulumi.yaml"), join(folder.path, "Pulumi.yaml"));
    for (const domain of ["example.org", "second.example"]) {
      const filled = template.replaceAll("example.org", domain);
      writeFileSync(join(folder.path, "Pulumi.home.yaml"), filled);
      const { problems, warnings } = JSON.parse(run(["home", "--json"], folder.path).stdout ?? "") as {
        problems: { key: string }[];
        warnings: unknown[];
      };
      expect(warnings).toEqual([]);
      // All that is left is what only the owner knows.
      expect(problems.map(({ key }) => key).filter((key) => key.startsWith("mail:dmarc"))).toEqual([]);
    }
    folder.remove();
  });

  it("becomes a stack by filling it in", () => {
    const values = {
      ...{ accountId: "0".repeat(32), hostAddress: "192.0.2.1", hostUser: "mail" },
      ...{ hostKey: HOST_KEY, dkimRsaSelector: "202611r", dkimEd25519Selector: "202611e" },
    };
    const folder = temporaryFolder();
    cpSync(join(ROOT, "Pulumi.yaml"), join(folder.path, "Pulumi.yaml"));
    writeFileSync(join(folder.path, "Pulumi.home.yaml"), template);
    const settings = settingsOf("home", { directory: folder.path, values, secrets: { ...SECRETS } });
    expect([settings.domain, settings.dmarc.aggregateAddress]).toEqual(["example.org", "postmaster@example.org"]);
    folder.remove();
  });
});

describe("pulumi preview", () => {
  const preview = documentedProgram();

  it("warns of them", async () => {
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue(undefined);
    await preview({ tlsReportAddress: "postmaster@example.net", backupBucket: "somebody-s-backups" });
    const texts = warn.mock.calls.map(([text]) => text).filter((text) => text.includes("right only if"));
    warn.mockClear();
    await preview();
    expect(warn.mock.calls.map(([text]) => text).filter((text) => text.includes("right only if"))).toEqual([]);
    warn.mockRestore();
    expect(texts).toEqual([
      expect.stringMatching(/^mail:tlsReportAddress is "postmaster@example.net"/),
      expect.stringMatching(/^mail:backupBucket is "somebody-s-backups"/),
    ]);
  });
});
