import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mailRecords } from "../../../infra/dns/records";
import { renderZone, type ZoneFileOptions } from "../../../infra/dns/zone-file";
import type { Settings } from "../../../infra/settings/settings";
import { augustin, byRecord, further } from "./fixtures";

const GOLDEN = join(__dirname, "..", "..", "golden");

/** Compares with the file of that name; jest prints the difference. `UPDATE_GOLDEN=1` writes it instead. */
function expectGolden(file: string, actual: string): void {
  const path = join(GOLDEN, file);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, actual);
  if (!existsSync(path)) throw new Error(`tests/golden/${file} is missing. Run the test with UPDATE_GOLDEN=1.`);
  expect(actual).toBe(readFileSync(path, "utf8"));
}

function zone(settings: Settings, options: ZoneFileOptions): string {
  return renderZone(settings.domain, mailRecords(settings), options);
}

describe("renderZone", () => {
  it("prints the documented domain as declared", () => {
    expectGolden("augustin.ai.zone", zone(augustin(), { proxied: "as-declared" }));
  });

  it("prints the documented domain as served", () => {
    expectGolden("augustin.ai.served.zone", zone(augustin(), { proxied: "as-served" }));
  });

  it("prints the documented domain with a record that leads to the tailnet", () => {
    expectGolden("augustin.ai.dns-record.zone", zone(byRecord(), { proxied: "as-declared" }));
  });

  it("prints a further domain with CNAMEs from Resend", () => {
    expectGolden("example.co.uk.zone", zone(further(), { proxied: "as-declared" }));
  });

  it("prints the zone of a report address by itself", () => {
    expectGolden("example.net.zone", renderZone("example.net", mailRecords(further()), { proxied: "as-declared" }));
  });

  it("leads proxied names to the tunnel given", () => {
    expect(zone(augustin(), { proxied: "as-declared", tunnelId: "6ff42ae2" })).toContain(
      "\nstalwart.augustin.ai. 1 IN CNAME 6ff42ae2.cfargotunnel.com. ; cf_tags=cf-proxied:true\n",
    );
  });

  it("names no alias as the target of a service, as served", () => {
    const served = zone(augustin(), { proxied: "as-served" });
    expect(served).not.toMatch(/^stalwart\.augustin\.ai\. \d+ IN CNAME/m);
    expect(served).toMatch(/^stalwart\.augustin\.ai\. 300 IN A 192\.0\.2\.1$/m);
    expect(served).toMatch(/^stalwart\.augustin\.ai\. 300 IN AAAA 2001:db8::1$/m);
  });
});
