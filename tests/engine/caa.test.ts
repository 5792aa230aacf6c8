import { spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse } from "yaml";

import { parseIssuers } from "../../infra/settings/values";
import { findEngine } from "../../sandbox/engine/find";
import { silent } from "../../sandbox/progress";
import { temporaryFolder } from "../../sandbox/temporary";
import { fromDocs, words } from "../docs";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS } from "./lab";

describeEngine("CAA records on demand", () => {
  it(
    "the commands of start.md name three authorities, which the settings take",
    async () => {
      const folder = temporaryFolder();
      const { command, ...nothing } = await findEngine(silent);
      if (command === undefined) throw new Error(JSON.stringify(nothing));
      cpSync(resolve(__dirname, "../../Pulumi.yaml"), join(folder.path, "Pulumi.yaml"));
      const env = {
        PATH: [dirname(command.command), process.env["PATH"]].join(delimiter),
        HOME: folder.path,
        PULUMI_HOME: join(folder.path, "home"),
        PULUMI_BACKEND_URL: `file://${folder.path}`,
        PULUMI_CONFIG_PASSPHRASE: "sandbox",
        PULUMI_SKIP_UPDATE_CHECK: "true",
      };
      const pulumi = (line: string) => {
        const [program = "", ...args] = words(line);
        const { status, stderr } = spawnSync(program, args, { cwd: folder.path, env, encoding: "utf8" });
        expect({ line, status, stderr }).toMatchObject({ status: 0 });
      };
      pulumi("pulumi stack init prod");
      pulumi(fromDocs("docs/start.md", "pulumi config set --path 'mail:caaIssuers[0]' letsencrypt.org --stack prod"));
      pulumi(fromDocs("docs/start.md", "pulumi config set --path 'mail:caaIssuers[1]' pki.goog --stack prod"));
      pulumi(fromDocs("docs/start.md", "pulumi config set --path 'mail:caaIssuers[2]' ssl.com --stack prod"));
      const file = parse(readFileSync(join(folder.path, "Pulumi.prod.yaml"), "utf8")) as {
        config: Record<string, unknown>;
      };
      const value = file.config["mail:caaIssuers"];
      expect(value).toEqual(["letsencrypt.org", "pki.goog", "ssl.com"]);
      expect(parseIssuers(JSON.stringify(value)).ok).toBe(true);
      folder.remove();
    },
    ENGINE_TIMEOUT_MS,
  );
});
