import { run as spool } from "../../ops/spool";
import { silent } from "../../sandbox/progress";
import { run, type RunReport } from "../../sandbox/run";
import { deliveryHeaders } from "../../worker/src/message";

const BUDGET_MS = 60_000;
const BUCKET = "mail-spool-augustin-ai";
const NAME = "2026-11-22T16:00:00.000Z-0123abcd.eml";
const RAW = "From: zoe@sender.example\r\nMessage-ID: <dead@sender.example>\r\n\r\nAs I was saying.\r\n";

let report: RunReport;
beforeAll(async () => {
  report = await run({ stack: "prod", progress: silent, withoutEngine: true });
}, BUDGET_MS);
afterAll(() => report.outside.close());

test(
  "a dead message that the operator puts back is delivered by the next run of the clock, with its own envelope",
  async () => {
    const { outside } = report;
    const { world, apiUrl, host } = outside;
    const bytes = Buffer.concat([deliveryHeaders("zoe@sender.example", "root@augustin.ai"), Buffer.from(RAW)]);
    await world.buckets.put(BUCKET, `dead/${NAME}`, bytes, { to: "root@augustin.ai", reason: "550 5.1.1" });

    const environment = {
      CLOUDFLARE_API_TOKEN: world.apiToken,
      CLOUDFLARE_ACCOUNT_ID: world.accountId,
      CLOUDFLARE_BASE_URL: apiUrl,
    };
    const before = host.mailbox("root@augustin.ai").length;
    expect(await spool(["prod", "retry", "0123abcd", "--yes"], environment)).toMatchObject({ code: 0 });
    expect((await world.buckets.list(BUCKET, "spool/")).map(({ metadata }) => metadata)).toEqual([{}]);
    await outside.cron();

    const [arrived, ...more] = host.mailbox("root@augustin.ai").slice(before);
    expect(arrived?.raw.toString()).toBe(bytes.toString());
    expect(arrived?.receivedAt).toBe("2026-11-22T16:00:00Z");
    expect(more).toEqual([]);
    expect(await spool(["prod", "list"], environment)).toEqual({ code: 0, stdout: "The spool is empty.\n" });
  },
  BUDGET_MS,
);
