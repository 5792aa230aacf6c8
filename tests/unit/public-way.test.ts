import { readFileSync } from "node:fs";
import { join } from "node:path";

import { FILES } from "../../onhost/src/deployment";
import { APPLICATION } from "../../sandbox/cloud/kinds/access";
import { GUEST, startTcpLab, type TcpLab } from "../tcp-lab";

/** What a stranger, a reader and an administrator meet at the server's public name; the whole path, on the shipped files. */

const KEY = `${FILES.keys}/worker-1`;

async function inLab(changes: Readonly<Record<string, string>>, test: (lab: TcpLab) => Promise<void>): Promise<void> {
  const lab = await startTcpLab(changes);
  try {
    await test(lab);
  } finally {
    await lab.outside.close();
  }
}

describe("at the server's public name", () => {
  let lab: TcpLab;
  beforeAll(async () => {
    lab = await startTcpLab();
  });
  afterAll(() => lab.outside.close());

  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const url = `https://${lab.settings.hostnames.server}${path}`;
    return (await lab.outside.fetch(url, { headers, redirect: "manual" })).status;
  };
  const account = () => {
    const { primaryAddress, stalwart } = lab.settings;
    return login(primaryAddress, stalwart.accountPassword.reveal());
  };

  it.each([
    "/x.php",
    "/wp-login.php",
    "/cgi-bin/x",
    "/jmap/x.php",
    "/jmap/wp-login.php",
    "/.well-known/x.php",
    "/.well-known/caldav/wordpress",
    "/dav/cal/xmlrpc.asp",
    "/api/x.php",
    "/login/x.php",
    "/a/..%2fb",
  ])("a picture at %s bans nobody: its reader still logs in", async (path) => {
    await ask(path);
    expect(await ask("/jmap/session", { authorization: account() })).toBe(200);
  });

  it("paths that Stalwart does not serve never reach it", async () => {
    for (const path of ["/x.php", "/.git/config", "/metrics/prometheus", "/logo", "/form", "/jmapx", "/.well-known/x"])
      expect([path, await ask(path)]).toEqual([path, 404]);
  });

  it("a page of another site cannot send wrong logins from its reader's address; one's own programs log in", async () => {
    for (let nth = 0; nth < 150; nth += 1)
      expect(await ask("/jmap/session", { authorization: login("x", "wrong"), "sec-fetch-site": "cross-site" })).toBe(
        404,
      );
    expect(await ask("/jmap/session", { authorization: account() })).toBe(200);
    expect(await ask("/jmap/session", { authorization: account(), "sec-fetch-site": "same-origin" })).toBe(200);
  });

  it("the Worker's key is worth nothing: it is valid from cloudflared's address alone", async () => {
    // Not because the address is banned.
    expect(await ask("/jmap/session", { authorization: account() })).toBe(200);
    const key = read(lab, KEY).trim();
    expect(await ask("/jmap/session", { authorization: `Bearer ${key}` })).toBe(403);
    // However somebody names himself.
    for (const header of ["forwarded", "x-forwarded-for", "cf-connecting-ip"]) {
      const value = header === "forwarded" ? "for=172.30.25.20" : "172.30.25.20";
      expect(await ask("/jmap/session", { authorization: `Bearer ${key}`, [header]: value })).toBe(403);
    }
  });

  it.each(["/admin", "/admin/", "/account", "/account/login"])("%s asks for a login at Access", async (path) => {
    expect(await ask(path)).toBe(302);
    const guarded = `${lab.settings.hostnames.server}/${path.split("/")[1] ?? ""}`;
    // Stalwart's model serves no web interface: its answer is what comes back.
    const token = lab.outside.login(guarded, GUEST);
    expect(await ask(path, { "cf-access-token": token })).not.toBe(403);
    expect(() => lab.outside.login(guarded, "stranger@example.net")).toThrow("admits");
  });

  it.each(["/%61dmin", "/admin%2f", "//admin", "/./admin", "/x/../admin", "/Admin", "/jmap/../account/"])(
    "no spelling leads past it: %s",
    async (path) => {
      // Access, or nothing there.
      expect([302, 404]).toContain(await ask(path));
      const answer = await lab.outside.fetch(`https://${lab.settings.hostnames.server}${path}`, { redirect: "manual" });
      expect(answer.headers.get("location") ?? "cloudflareaccess.com").toContain("cloudflareaccess.com");
    },
  );

  it("is closed, not open, when somebody has deleted the application by hand", () =>
    inLab({}, async ({ outside, settings }) => {
      const guarded = `${settings.hostnames.server}/admin`;
      const { id = "", props = {} } = outside.world.find(APPLICATION, ({ domain }) => domain === guarded) ?? {};
      outside.world.delete(APPLICATION, "admin-admin", id, props);
      expect((await outside.fetch(`https://${guarded}`)).status).toBe(403);
      const session = await outside.fetch(`https://${settings.hostnames.server}/jmap/session`);
      expect(session.status).toBe(200);
    }));
});

it.each([
  ["public", "off", 302],
  ["tailnet", "split-dns", 404],
])("mail:adminAccess %s: the web interface there answers without Access", (adminAccess, tailnet, status) =>
  inLab({ adminAccess, tailnet }, async ({ outside, settings }) => {
    const { server } = settings.hostnames;
    expect(outside.world.all(APPLICATION).filter(({ props }) => String(props["domain"]).startsWith(server))).toEqual(
      [],
    );
    for (const path of ["/admin", "/account"]) {
      const answer = await outside.fetch(`https://${server}${path}`, { redirect: "manual" });
      expect([path, answer.status, answer.headers.get("location")]).toEqual([
        path,
        status,
        // Stalwart's own answer leads to its page.
        status === 302 ? `${path}/` : null,
      ]);
    }
  }),
);

function read({ outside, settings }: TcpLab, path: string): string {
  return readFileSync(join(outside.host.folder, settings.host.folder, path), "utf8");
}

function login(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
