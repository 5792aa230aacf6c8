import { createHost } from "../../sandbox/host/traefik";
import { KEY, request, server } from "./mail-host";

describe("behind Traefik", () => {
  const HOSTNAME = "mail.example.org";
  const REQUEST = { method: "GET", path: "/.well-known/jmap", headers: { Host: HOSTNAME }, noTlsVerify: false };
  const traefik = (service: string, change: object = {}) =>
    createHost({ serverHostname: HOSTNAME, jmapPort: server.port }).request(new URL(service), {
      ...REQUEST,
      sni: HOSTNAME,
      ...change,
    });

  test("the server's name reaches the server", async () => {
    expect(await traefik("https://traefik:443")).toMatchObject({ status: 307, headers: { location: "/jmap/session" } });
    const headers = { host: HOSTNAME, authorization: KEY, "content-type": "application/json" };
    const body = Buffer.from(request([["Core/echo", { a: 1 }, "0"]]));
    const answer = await traefik("https://traefik", { method: "POST", path: "/jmap/", headers, body });
    expect(JSON.parse(answer.body.toString())).toMatchObject({ methodResponses: [["Core/echo", { a: 1 }, "0"]] });
  });

  test("another Host is 404", async () => {
    const answer = await traefik("https://traefik:443", { headers: { Host: "inbound.example.org" } });
    expect([answer.status, answer.body.toString()]).toEqual([404, "404 page not found\n"]);
  });

  test("plain HTTP on the TLS port is 400", async () => {
    expect((await traefik("http://traefik:443")).status).toBe(400);
  });

  test("a stopped server is 502", async () => {
    await server.pause();
    expect((await traefik("https://traefik:443")).status).toBe(502);
  });

  test("a name that the certificate lacks ends the connection, unless nobody looks", async () => {
    await expect(traefik("https://traefik:443", { sni: undefined })).rejects.toThrow(
      "x509: certificate is valid for mail.example.org, not traefik",
    );
    expect((await traefik("https://traefik:443", { sni: undefined, noTlsVerify: true })).status).toBe(307);
  });

  test("an unknown service and a closed port", async () => {
    await expect(traefik("https://stalwart:443")).rejects.toThrow("no such host");
    await expect(traefik("https://traefik:8443")).rejects.toThrow("connection refused");
  });
});
