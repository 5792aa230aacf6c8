import type { FetchInit } from "../../sandbox/edge/worker-runtime";
import type { PublicEnv } from "../../worker/src/public-env";
import { BINDINGS, CONFIG, DISCOVER, DOMAIN, SERVER, start, worker } from "./public-worker";

describe("who knows only the domain", () => {
  it.each(["jmap", "caldav", "carddav"])("is sent to the server's own /.well-known/%s", async (name) => {
    for (const host of [DOMAIN, `autoconfig.${DOMAIN}`]) {
      const answer = await worker.fetch(`https://${host}/.well-known/${name}`, {
        method: name === "jmap" ? "GET" : "PROPFIND",
      });
      expect(answer.status).toBe(307);
      expect(answer.headers.get("location")).toBe(`https://${SERVER}/.well-known/${name}`);
    }
  });

  it("is not sent to a service that is not listed", async () => {
    expect((await start({ SERVICES: "imaps" }).fetch(`https://${DOMAIN}/.well-known/jmap`)).status).toBe(404);
  });
});

describe("everybody else", () => {
  it.each([
    "https://mta-sts.example.org/mail/config-v1.1.xml",
    "https://mta-sts.example.org/.well-known/jmap",
    "https://autoconfig.example.org/",
    "https://autoconfig.example.org/mail/config-v1.1.xml/",
    "https://autoconfig.example.org/mail//config-v1.1.xml",
    "https://autoconfig.example.org/MAIL/config-v1.1.xml",
    "https://autoconfig.example.org/.well-known/mail-v1.xml",
    "https://autoconfig.example.org/.well-known/mta-sts.txt",
    "https://autoconfig.example.org/autodiscover/autodiscover.xml",
    "https://autodiscover.example.org/mail/config-v1.1.xml",
    "https://autodiscover.example.org/autodiscover/autodiscover.json/v1.0/a/b?Protocol=Autodiscoverv1",
    "https://autodiscover.example.org/.well-known/jmap",
    "https://example.org/",
    "https://example.org/mail/config-v1.1.xml",
    "https://www.example.org/healthz",
    "https://mail.example.org/.well-known/jmap",
    "https://autoconfig.example.net/mail/config-v1.1.xml",
    "https://autoconfig.example.org.example.net/mail/config-v1.1.xml",
    "http://autoconfig.example.net/mail/config-v1.1.xml",
  ])("%s is not there", async (url) => {
    const answer = await worker.fetch(url);
    expect({ status: answer.status, body: answer.body.toString() }).toEqual({ status: 404, body: "not found\n" });
  });

  it.each(["mta-sts", "autoconfig", "autodiscover"])("sees of %s's health that it answers, no more", async (label) => {
    for (const method of ["GET", "HEAD"]) {
      const answer = await worker.fetch(`https://${label}.${DOMAIN}/healthz`, { method });
      expect({ status: answer.status, size: answer.body.length }).toEqual({ status: 204, size: 0 });
      expect(answer.headers.get("cache-control")).toBe("no-store");
    }
  });

  const READ = "GET, HEAD";
  it.each<[url: string, allow: string]>([
    [CONFIG, READ],
    [DISCOVER, "GET, HEAD, POST"],
    [`https://autodiscover.${DOMAIN}/autodiscover/autodiscover.json?Protocol=Autodiscoverv1`, READ],
    [`https://autoconfig.${DOMAIN}/.well-known/jmap`, "GET, HEAD, PROPFIND"],
    [`https://autoconfig.${DOMAIN}/healthz`, READ],
    [`https://mta-sts.${DOMAIN}/.well-known/mta-sts.txt`, READ],
  ])("may only do with %s: %s", async (url, allow) => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"]) {
      if (allow.includes(method)) continue;
      const init: FetchInit = method === "OPTIONS" ? { method } : { method, body: "x" };
      const answer = await worker.fetch(url, init);
      expect({ method, status: answer.status, allow: answer.headers.get("allow") }).toEqual({
        method,
        status: 405,
        allow,
      });
    }
  });

  it.each([
    CONFIG,
    DISCOVER,
    `https://autoconfig.${DOMAIN}/nothing`,
    `https://autodiscover.${DOMAIN}/autodiscover/autodiscover.json`,
  ])("gets for HEAD %s what GET has, without body", async (url) => {
    const [get, head] = [await worker.fetch(url), await worker.fetch(url, { method: "HEAD" })];
    expect(head.status).toBe(get.status);
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    expect(get.body.length).toBeGreaterThan(0);
    expect(head.body.length).toBe(0);
  });

  it.each([
    CONFIG,
    DISCOVER,
    `https://autoconfig.${DOMAIN}/healthz`,
    `https://autoconfig.${DOMAIN}/no`,
    `http://autoconfig.${DOMAIN}/`,
  ])("gets the security headers with %s", async (url) => {
    const { headers } = await worker.fetch(url);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get("strict-transport-security")).toBe("max-age=31536000");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("set-cookie")).toBeNull();
  });
});

test.each(Object.keys(BINDINGS) as (keyof PublicEnv)[])("without %s nothing is answered", async (name) => {
  const answer = await start({}, name).fetch(CONFIG);
  expect(answer.status).toBe(500);
  expect(answer.body.toString()).not.toContain("clientConfig");
});
