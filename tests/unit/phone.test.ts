import { writeFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { join } from "node:path";

import { FILES } from "../../onhost/src/deployment";
import { settingsOf } from "../../infra/settings/stack-file";
import { convergeWithoutEngine } from "../../sandbox/converge";
import { type Answered, NOERROR, NXDOMAIN, REFUSED, TYPES } from "../../sandbox/dns-message";
import { type Outside, startOutside } from "../../sandbox/outside";
import { askAt, askOnTailnet, checkPhone, NotReached } from "../../sandbox/phone";
import { standIns } from "../../sandbox/stand-ins";

const SERVER = "stalwart.augustin.ai";
const ADDRESS = "100.64.0.1";

/** The program of the stack `prod`, converged on a world of its own. A record instead is tests/engine/tailnet.test.ts'. */
async function converged() {
  const invented = standIns("prod", { tailnet: "split-dns" });
  const settings = settingsOf("prod", invented);
  const outside = await startOutside(settings, invented);
  await convergeWithoutEngine("prod", invented, outside);
  return { outside, settings };
}

describe("a phone whose tailnet resolves the server's name", () => {
  let lab: Awaited<ReturnType<typeof converged>>;
  let outside: Outside;
  beforeAll(async () => {
    lab = await converged();
    outside = lab.outside;
  });
  afterAll(() => outside.close());

  it("finds the host and its mail", async () => {
    expect(await checkPhone(outside, lab.settings)).toEqual({ name: SERVER, address: ADDRESS, messages: 0 });
  });

  it("is answered by UDP: an address, and no data of the types that would lead elsewhere", async () => {
    const { tailnet } = outside.world;
    const asked = async (type: keyof typeof TYPES) => askOnTailnet(tailnet, SERVER, type);
    expect(await asked("A")).toEqual<Answered>({ code: NOERROR, addresses: [ADDRESS], answers: 1, authorities: 0 });
    for (const type of ["AAAA", "HTTPS"] as const)
      expect(await asked(type)).toEqual<Answered>({ code: NOERROR, addresses: [], answers: 0, authorities: 1 });
  });

  it("is refused every other name, and below this one there is none", async () => {
    const { tailnet } = outside.world;
    expect(await askOnTailnet(tailnet, `www.${SERVER}`, "A")).toMatchObject({ code: NXDOMAIN, answers: 0 });
    for (const name of ["augustin.ai", "example.org", `x${SERVER}`]) {
      // The tailnet does not even send them there.
      expect(await askOnTailnet(tailnet, name, "A")).toBeUndefined();
      expect(await askAt(tailnet, ADDRESS, name, "A")).toMatchObject({ code: REFUSED, answers: 0 });
    }
  });

  it("survives what is no query, and asks nobody at another address", async () => {
    const { tailnet } = outside.world;
    const port = tailnet.reach(ADDRESS)?.udp(53) ?? 0;
    const socket = createSocket("udp4");
    await new Promise<unknown>((sent) => socket.send(Buffer.from("no"), port, "127.0.0.1", sent));
    socket.close();
    expect(await askAt(tailnet, ADDRESS, SERVER, "A")).toMatchObject({ addresses: [ADDRESS] });
    expect(await askAt(tailnet, "100.64.0.99", SERVER, "A")).toBeUndefined();
  });

  it("reaches the tailnet's ports and no other", () => {
    const reach = outside.world.tailnet.reach(ADDRESS);
    const open = [22, 24, 25, 443, 465, 587, 993, 4190, 8080, 10587].filter((port) => reach?.tcp(port) !== undefined);
    expect(open).toEqual([443, 465, 587, 993, 4190]);
  });

  it("does not reach its mail when the zone says another address, and says which link is broken", async () => {
    const zone = join(outside.host.folder, "apps", FILES.zone);
    writeFileSync(zone, `${SERVER}. 60 IN A 100.64.0.99\n`);
    // For a moment: the service \`zone\` mends it.
    await expect(checkPhone(outside, lab.settings, 0)).rejects.toThrow(
      new NotReached("Nobody takes connections at 100.64.0.99, port 993, on the tailnet."),
    );
  });

  it("has no resolver while home is down", async () => {
    await outside.host.pause();
    try {
      await expect(checkPhone(outside, lab.settings, 0)).rejects.toThrow(
        /resolver 100\.64\.0\.1 has no answer of type A/,
      );
    } finally {
      await outside.host.resume();
    }
  });
});
