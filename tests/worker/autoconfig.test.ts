import { XMLValidator } from "fast-xml-parser";

import { BINDINGS, CONFIG, DOMAIN, parsed, SERVER, start, worker } from "./public-worker";

describe("Thunderbird", () => {
  const server = (type: string, port: number, socketType: string) => ({
    "@_type": type,
    hostname: SERVER,
    port,
    socketType,
    authentication: "password-cleartext",
    username: "%EMAILADDRESS%",
  });

  it("finds everything at the first address that it tries", async () => {
    const answer = await worker.fetch(`${CONFIG}?emailaddress=root%40${DOMAIN}`);
    expect(answer.status).toBe(200);
    expect(parsed(answer)).toEqual({
      clientConfig: {
        "@_version": "1.1",
        emailProvider: {
          "@_id": DOMAIN,
          domain: DOMAIN,
          displayName: BINDINGS.DISPLAY_NAME,
          displayShortName: BINDINGS.DISPLAY_NAME,
          incomingServer: server("imap", 993, "SSL"),
          outgoingServer: [server("smtp", 465, "SSL"), server("smtp", 587, "STARTTLS")],
        },
      },
    });
  });

  it("gets the same along its whole lookup order, with TLS and, by a redirect, without", async () => {
    const expected = await worker.fetch(CONFIG);
    for (const query of ["", "?emailaddress=", "?emailaddress=a%26b%40other.test", "?emailaddress=<x>&emailaddress=y"])
      for (const address of [
        CONFIG,
        `https://autoconfig.${DOMAIN}/.well-known/autoconfig/mail/config-v1.1.xml`,
        `https://${DOMAIN}/.well-known/autoconfig/mail/config-v1.1.xml`,
      ]) {
        const answer = await worker.fetch(address + query);
        expect({ address, status: answer.status }).toEqual({ address, status: 200 });
        expect(answer.body.toString()).toBe(expected.body.toString());
        const plain = await worker.fetch((address + query).replace("https:", "http:"));
        expect(plain.status).toBe(302);
        expect(plain.headers.get("location")).toBe(new URL(address + query).href);
      }
  });

  it.each<[services: string, smtp: readonly number[]]>([
    ["imaps,submissions", [465]],
    ["imaps,submission", [587]],
    ["sieve,imaps", []],
  ])("is told of %s only what is listed", async (services, smtp) => {
    const answer = await start({ SERVICES: services }).fetch(CONFIG);
    expect(XMLValidator.validate(answer.body.toString())).toBe(true);
    const ports = [...answer.body.toString().matchAll(/<port>(\d+)</g)].map(([, port]) => Number(port));
    expect(ports).toEqual([993, ...smtp]);
  });

  it.each(["", "jmap", "submissions"])("finds nothing when there is no incoming server (%j)", async (services) => {
    expect((await start({ SERVICES: services }).fetch(CONFIG)).status).toBe(404);
  });

  it("may keep the answer for an hour", async () => {
    expect((await worker.fetch(CONFIG)).headers.get("cache-control")).toBe("public, max-age=3600");
  });
});
