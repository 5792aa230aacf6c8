import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MailRecord } from "../../infra/dns/record";
import { mailRecords } from "../../infra/dns/records";
import { renderZone, type ZoneFileOptions } from "../../infra/dns/zone-file";
import { describeWith } from "../needs";
import { augustin, further } from "../unit/dns/fixtures";

const describeBind = describeWith("named-checkzone", "Install Debian's bind9-utils.");

/** BIND's verdict; `-M`, `-S` and `-m` make an alias as the target of MX, SRV or a missing address an error. */
function judge(zone: string, text: string): { accepted: boolean; said: string } {
  const folder = mkdtempSync(join(tmpdir(), "zone-"));
  const file = join(folder, `${zone}.zone`);
  writeFileSync(file, text);
  try {
    const run = spawnSync("named-checkzone", ["-i", "local", "-M", "fail", "-S", "fail", "-m", "fail", zone, file], {
      encoding: "utf8",
    });
    if (run.error) throw run.error;
    return { accepted: run.status === 0, said: run.stdout + run.stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function served(zone: string, records: readonly MailRecord[], options: ZoneFileOptions = { proxied: "as-served" }) {
  return judge(zone, renderZone(zone, records, options));
}

/** A CNAME beside the server's addresses. */
const doubled: MailRecord = {
  key: "cname-doubled",
  name: "stalwart.augustin.ai",
  zone: "augustin.ai",
  data: { type: "CNAME", target: "elsewhere.example" },
  ttl: 300,
  proxied: false,
  level: "optional",
  owner: "program",
  why: "Breaks RFC 1034 section 3.6.2 on purpose.",
};

describeBind("named-checkzone", () => {
  it.each([
    ["augustin.ai", augustin()],
    ["example.co.uk", further()],
    ["example.net", further()],
  ])("accepts %s as served", (zone, settings) => {
    const { accepted, said } = served(zone, mailRecords(settings));
    expect(said).toMatch(/loaded serial 1\s+OK\s*$/);
    expect(said).not.toMatch(/warning|ignor/i);
    expect(accepted).toBe(true);
  });

  it("reads the documented zone as declared too, when services may point at aliases", () => {
    const folder = mkdtempSync(join(tmpdir(), "zone-"));
    const file = join(folder, "zone");
    writeFileSync(file, renderZone("augustin.ai", mailRecords(augustin()), { proxied: "as-declared" }));
    const run = spawnSync("named-checkzone", ["-i", "local", "-S", "ignore", "augustin.ai", file], {
      encoding: "utf8",
    });
    rmSync(folder, { recursive: true });
    expect(run.stdout).toMatch(/loaded serial 1\s+OK\s*$/);
  });

  it("refuses a CNAME beside another record", () => {
    const { accepted, said } = served("augustin.ai", [...mailRecords(augustin()), doubled]);
    expect(said).toMatch(/CNAME and other data/);
    expect(accepted).toBe(false);
  });

  it("refuses the zone as declared, where services point at an alias (RFC 2782)", () => {
    const { accepted, said } = served("augustin.ai", mailRecords(augustin()), { proxied: "as-declared" });
    expect(said).toMatch(/SRV '_imaps\._tcp\.augustin\.ai\/stalwart\.augustin\.ai' is a CNAME|is a CNAME \(illegal\)/);
    expect(accepted).toBe(false);
  });
});
