import { HAS_RESTIC } from "../../sandbox/host/programs/restic";
import { REQUIRE_ALL } from "../needs";
import { describeEngine } from "./describe";
import { fromDocs } from "../docs";
import { copiesOf, whileMailFlows } from "./mail-flow";
import { type Ended, openUpgradeLab, type UpgradeLab } from "./upgrade-lab";

/**
 * `npm run upgrade` as a process, over SSH to the sandbox's host, with the real engine and the real restic, while five
 * messages a second come in by SMTP. Stalwart is the sandbox's, which refuses data that a newer version has opened.
 */

const ROOT = "root@augustin.ai";
const BUCKET = "mail-spool-augustin-ai";
const OLD = "0.16.18";
const NEW = "0.16.19";
const TEST_MS = 240_000;

if (!HAS_RESTIC && !REQUIRE_ALL)
  process.stderr.write("skipped: upgrades need root and restic (npm run tools -- restic)\n");
const describeUpgrade = HAS_RESTIC || REQUIRE_ALL ? describeEngine : describe.skip;

const UPGRADE = fromDocs("docs/upgrade.md", "npm run upgrade -- prod");
const BACK = fromDocs("docs/upgrade.md", "npm run upgrade -- prod --back");

let lab: UpgradeLab;
/** Of every message that was sent so far. */
const ids: string[] = [];
let flows = 0;

/** Every message was taken at once; afterwards each that was ever sent is there once. */
async function withoutLoss(what: string, work: () => Promise<unknown>): Promise<void> {
  flows += 1;
  const flow = { outside: lab.outside, buckets: [BUCKET], to: [ROOT], name: `upgrade-${flows}` };
  const { ids: sent, refused, perSecond, spooled, left } = await whileMailFlows(flow, work, true);
  ids.push(...sent);
  process.stdout.write(`${what}: ${sent.length} messages, ${perSecond.toFixed(1)}/s, ${spooled} waited at the end\n`);
  expect(refused).toBe(0);
  const copies = copiesOf(lab.outside, [ROOT], ids);
  const astray = ids.flatMap((id, index) => (copies[index] === 1 ? [] : [`${id}: ${copies[index]}`]));
  expect({ astray, left }).toEqual({ astray: [], left: [] });
  const canaries = lab.outside.host.mailbox(ROOT).filter(({ raw }) => raw.includes("<canary-"));
  expect(canaries.filter(({ raw }) => !raw.includes("This message came home"))).toEqual([]);
}

/** All that it said is shown when it did not end like this. */
function expectSaid({ code, said }: Ended, expected: number, part: string): void {
  expect([code, said.includes(part) ? part : said]).toEqual([expected, part]);
}

function expectRefused({ code, said }: Ended, why: string): void {
  expectSaid({ code, said }, 1, why);
  expect(lab.running()).toBe(OLD);
  expect(lab.hostFile("mail-stack/upgrade")).toBeUndefined();
}

/** As it is with that version, and open to everybody. */
function expectRunning(version: string, phase: string | undefined): void {
  expect(lab.running()).toBe(version);
  expect(lab.hostFile("stalwart/version")).toBe(version);
  expect(lab.hostFile("mail-stack/upgrade")?.split(" ")[0]).toBe(phase);
  expect(lab.hostFile("mail-stack/closed")).toBeUndefined();
  expect(lab.outside.host.engine.running("traefik")).toBeDefined();
}

describeUpgrade("an upgrade of Stalwart while five messages a second come in", () => {
  beforeAll(async () => {
    lab = await openUpgradeLab();
  }, TEST_MS);

  afterAll(async () => {
    await lab.close();
  }, TEST_MS);

  test(
    "is refused: without a backup, a skipped version, an older one, none that is known, and when all is not well",
    async () => {
      lab.checkOut(NEW);
      expectRefused(await lab.upgrade(UPGRADE), "No backup has gone well for 48 h");
      expect(await lab.onHost("apps/backup/mail-backup backup")).toMatchObject({ code: 0 });
      lab.checkOut("0.18.0");
      expectRefused(await lab.upgrade(UPGRADE), "is not the next after it");
      lab.checkOut("0.16.17");
      expectRefused(await lab.upgrade(UPGRADE), "is older");
      lab.checkOut(NEW);
      await lab.onHost(`echo latest >apps/stalwart/version`);
      expectRefused(await lab.upgrade(UPGRADE), "does not say which Stalwart wrote the data");
      await lab.onHost(`echo ${OLD} >apps/stalwart/version`);
      await lab.onHost("docker compose -f apps/mail-stack/compose.yaml stop cloudflared");
      expectRefused(await lab.upgrade(UPGRADE), "cloudflared is not healthy");
      await lab.onHost("docker compose -f apps/mail-stack/compose.yaml up --detach --wait");
      expectRefused(await lab.upgrade(BACK), "The host remembers no upgrade");
    },
    TEST_MS,
  );

  test(
    "goes back by itself when the newer version takes mail and shows none, cut on the way",
    async () => {
      lab.outside.host.stalwartFaults.set(NEW, "read");
      const compose = lab.hostFile("mail-stack/compose.yaml");
      await withoutLoss("canary fails", async () => {
        const cut = await lab.upgrade(UPGRADE, "Put the newer data aside");
        expect(cut.said).toContain("The canary failed: Email/get: the message is not in the Inbox");
        expect(cut.said).toContain("back to it");
        const again = await lab.upgrade(UPGRADE);
        expectSaid(again, 0, "It goes on.");
        expect(again.said).toContain(`Stalwart ${OLD} runs again.`);
      });
      lab.outside.host.stalwartFaults.clear();
      expectRunning(OLD, undefined);
      expect(lab.hostFile("mail-stack/compose.yaml")).toBe(compose);
    },
    TEST_MS,
  );

  test(
    "is done by the same command again, wherever it was killed",
    async () => {
      await withoutLoss("upgrade, killed three times", async () => {
        // In the backup, in the middle of pulumi up, and when everybody is let in.
        expect((await lab.upgrade(UPGRADE, "cf-mail-worker@")).code).not.toBe(0);
        expect((await lab.upgrade(UPGRADE, "Updating (prod)")).code).not.toBe(0);
        await lab.pulumi("cancel", "--yes");
        expect((await lab.upgrade(UPGRADE, ": Let everybody in")).code).not.toBe(0);
        const { code, said } = await lab.upgrade(UPGRADE);
        expectSaid({ code, said }, 0, `Done. Stalwart ${NEW} runs.`);
        expect(said).toContain("It came home: <canary-");
      });
      expectRunning(NEW, "done");
    },
    TEST_MS,
  );

  test(
    "goes back later with all that came since, cut on the way; the former release finds no container to change",
    async () => {
      await withoutLoss("back", async () => {
        for (const point of ["Step 2 of", "Step 4 of"]) expect((await lab.upgrade(BACK, point)).code).not.toBe(0);
        const { code, said } = await lab.upgrade(BACK);
        expectSaid({ code, said }, 0, `Stalwart ${OLD} runs again.`);
      });
      expectRunning(OLD, undefined);
      lab.checkOut(OLD);
      const events = lab.outside.host.engine.events.length;
      await lab.pulumi("up", "--yes");
      const touched = lab.outside.host.engine.events.slice(events).filter(({ action }) => action === "create");
      expect(touched).toEqual([]);
    },
    TEST_MS,
  );
});
