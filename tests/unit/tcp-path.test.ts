import { APPLICATION } from "../../sandbox/cloud/kinds/access";
import { TUNNEL_CONFIG } from "../../sandbox/cloud/kinds/tunnel";
import { isProps, listAt } from "../../sandbox/cloud/props";
import { LoginRefused } from "../../sandbox/edge/access-login";
import { GUEST, startTcpLab, type TcpLab, upgrade } from "../tcp-lab";

let lab: TcpLab;
beforeAll(async () => {
  lab = await startTcpLab();
});
afterAll(() => lab.outside.close());

const named = () => lab.settings.hostnames.tcp;
const shown = (hostname: string, email = GUEST) => ({ "cf-access-token": lab.outside.login(hostname, email) });

describe("the way of TCP through the tunnel", () => {
  it("is open to each of the people, at each of the names", async () => {
    for (const hostname of Object.values(named()))
      for (const email of lab.settings.clientTcp.people)
        expect(await upgrade(lab, hostname, shown(hostname, email))).toMatchObject({ status: 101 });
  });

  it("takes the token from a browser's cookie too", async () => {
    const cookie = `other=1; CF_Authorization=${shown(named().imaps)["cf-access-token"]}`;
    expect(await upgrade(lab, named().imaps, { cookie })).toMatchObject({ status: 101 });
  });

  it("sends whoever shows nothing to the login page of that very application", async () => {
    const { status, location = "" } = await upgrade(lab, named().imaps);
    expect(status).toBe(302);
    const { pathname, searchParams } = new URL(location);
    expect(pathname).toBe(`/cdn-cgi/access/login/${named().imaps}`);
    expect(searchParams.get("kid")).toBe(lab.audience(named().imaps));
  });

  it("is closed to another application's token, a changed one and nonsense", async () => {
    const good = shown(named().imaps)["cf-access-token"];
    const [head = "", , signature = ""] = good.split(".");
    const claims = { aud: [lab.audience(named().imaps)], email: GUEST, exp: 4_000_000_000 };
    const forged = `${head}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
    for (const token of [shown(named().submissions)["cf-access-token"], forged, "nonsense", ""])
      expect(await upgrade(lab, named().imaps, { "cf-access-token": token })).toMatchObject({ status: 302 });
  });

  it("is closed to the Worker's service token, which opens its own name only", async () => {
    const [id, secret] = lab.workerToken();
    const headers = { "cf-access-client-id": id, "cf-access-client-secret": secret };
    expect(await upgrade(lab, named().imaps, headers)).toMatchObject({ status: 403 });
  });

  it("is closed to the people's token at the Worker's name", async () => {
    const headers = shown(named().imaps);
    expect(await upgrade(lab, lab.settings.hostnames.inbound, headers)).toMatchObject({ status: 302 });
  });

  it("lets nobody log in whom the stack file does not name", () => {
    expect(() => lab.outside.login(named().imaps, "stranger@example.net")).toThrow(LoginRefused);
  });

  it("ends at a 530 while home is down, and is there again when home is", async () => {
    const headers = shown(named().imaps);
    await lab.outside.host.pause();
    try {
      expect(await upgrade(lab, named().imaps, headers)).toMatchObject({ status: 530 });
    } finally {
      await lab.outside.host.resume();
    }
    expect(await upgrade(lab, named().imaps, headers)).toMatchObject({ status: 101 });
  });

  it("is closed to everybody, not open, once somebody has deleted the application by hand", async () => {
    const other = await startTcpLab();
    try {
      const { world } = other.outside;
      const { imaps } = other.settings.hostnames.tcp;
      const token = { "cf-access-token": other.outside.login(imaps, GUEST) };
      const { id = "", props = {} } = world.find(APPLICATION, ({ domain }) => domain === imaps) ?? {};
      world.delete(APPLICATION, "people-imaps", id, props);
      for (const headers of [token, {}]) expect(await upgrade(other, imaps, headers)).toMatchObject({ status: 403 });
    } finally {
      await other.outside.close();
    }
  });

  it("is no way for plain requests", async () => {
    const response = await lab.outside.fetch(`https://${named().imaps}/`);
    expect(response.status).toBe(302);
  });
});

it("a name that is not offered has no record, no application and no ingress rule", async () => {
  const other = await startTcpLab({ clientTcp: '["imaps"]' });
  try {
    const { submissions, imaps } = other.settings.hostnames.tcp;
    expect(await upgrade(other, submissions)).toMatchObject({ status: 530 });
    expect(other.audience(submissions)).toBe("undefined");
    const config = other.outside.world.find(TUNNEL_CONFIG, isProps)?.props ?? {};
    expect(listAt(config, "config.ingresses").map(({ hostname }) => hostname)).toEqual([
      // The web interface, then everything else.
      other.settings.hostnames.server,
      other.settings.hostnames.server,
      other.settings.hostnames.inbound,
      imaps,
      undefined,
    ]);
  } finally {
    await other.outside.close();
  }
});
