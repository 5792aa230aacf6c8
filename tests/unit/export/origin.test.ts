import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { run } from "../../../onhost/src/commands";
import { temporaryFolder, type TemporaryFolder } from "../../../sandbox/temporary";
import { fakeJmap, type FakeJmap } from "./fake-jmap";

/** What still answers at the public name: the old server. It counts who comes. */
let old: Server;
let oldOrigin: string;
let seen: string[];
let server: FakeJmap;
let folder: TemporaryFolder;

beforeEach(async () => {
  seen = [];
  old = createServer(({ url, headers }, response) => {
    seen.push(`${url ?? ""} ${headers.authorization ?? ""}`);
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
  oldOrigin = `http://127.0.0.1:${(old.address() as AddressInfo).port}`;
  server = await fakeJmap();
  folder = temporaryFolder();
  writeFileSync(join(folder.path, "password"), "pw");
});

afterEach(async () => {
  old.closeAllConnections();
  await new Promise((resolve) => old.close(resolve));
  await server.close();
  folder.remove();
});

async function onhost(command: string, url = server.url): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const password = join(folder.path, "password");
  const login = ["--url", url, "--user", "me", "--password-file", password];
  const code = await run(
    [command, join(folder.path, "export"), ...login],
    {},
    { write: (text: string) => void (out += text) },
    { write: (text: string) => void (err += text) },
  );
  return { code, out, err };
}

function deliver(): void {
  server.deliver("From: a@b.example\r\nSubject: one\r\n\r\n1\r\n");
}

describe("a session that names another server", () => {
  test.each([
    ["http and a port", () => oldOrigin],
    ["no scheme", () => oldOrigin.replace("http:", "")],
    ["another scheme", () => oldOrigin.replace("http:", "https:")],
    ["a login in the URL", () => oldOrigin.replace("//", "//me:pw@")],
  ])("%s: export, import and compare ask the given one alone", async (_, origin) => {
    deliver();
    server.session = {
      apiUrl: `${origin()}/jmap/`,
      downloadUrl: `${origin()}/jmap/download/{accountId}/{blobId}/{name}?accept={type}`,
      uploadUrl: `${origin()}/jmap/upload/{accountId}/`,
      eventSourceUrl: `${origin()}/jmap/eventsource/`,
    };
    expect((await onhost("export")).out).toContain("1 messages");
    for (const id of [...server.objects("Email").keys()]) server.remove("Email", id);
    expect((await onhost("import")).out).toContain("1 messages imported");
    expect(await onhost("compare")).toMatchObject({ code: 0 });
    expect(seen).toEqual([]);
  });

  test("a path of two slashes is a path", async () => {
    deliver();
    server.session = { apiUrl: `${server.url}/${oldOrigin.replace("http:", "")}/jmap/` };
    const { code, err } = await onhost("export");
    expect([code, seen]).toEqual([5, []]);
    expect(err).toContain("HTTP 404");
  });

  test("where the given one does not have its paths, both are named", async () => {
    deliver();
    server.session = { downloadUrl: `${oldOrigin}/elsewhere/{blobId}` };
    const { code, err } = await onhost("export");
    expect([code, seen]).toEqual([5, []]);
    expect(err).toContain(`the session names ${oldOrigin}, and only ${server.url} is asked`);
  });

  test.each(["mailto:root@example.org", "http://[", "file:///etc/passwd"])("%s is refused", async (url) => {
    server.session = { apiUrl: url };
    const { code, err } = await onhost("export");
    expect([code, err.split("\n")[0]]).toEqual([
      1,
      `${server.url} cannot be used: session: it names something that is not an http or https URL.`,
    ]);
  });
});

describe("a redirect to another server", () => {
  test.each(["export", "import", "compare"])("%s refuses it by name, and says how to mean it", async (command) => {
    deliver();
    expect((await onhost("export")).code).toBe(0);
    server.interrupt = (path) =>
      path === "/.well-known/jmap"
        ? { status: 307, headers: { location: `${oldOrigin}/jmap/session?x=1` } }
        : undefined;
    const { code, err } = await onhost(command);
    expect([code, seen]).toEqual([1, []]);
    expect(err).toContain(`it redirects to ${oldOrigin}, and this command follows no redirect to another server.`);
    expect(err).toContain(`give --url ${oldOrigin}/jmap/session`);
  });

  test("within the server it is followed", async () => {
    deliver();
    server.interrupt = (path) =>
      path === "/.well-known/jmap" ? { status: 307, headers: { location: "/jmap/session" } } : undefined;
    expect((await onhost("export")).code).toBe(0);
  });

  test.each(["Email/get", "Blob/get"])("%s does not follow one either", async (method) => {
    deliver();
    server.interrupt = (_, methods) =>
      methods.includes(method) ? { status: 308, headers: { location: `${oldOrigin}/jmap/` } } : undefined;
    server.blobs = { without: [] };
    await onhost("export");
    expect(seen).toEqual([]);
  });

  test("a message is not what a redirect says", async () => {
    deliver();
    server.interrupt = (path) =>
      path.startsWith("/jmap/download/") ? { status: 302, headers: { location: `${oldOrigin}/x` } } : undefined;
    const { code, err } = await onhost("export");
    expect([code, seen]).toEqual([5, []]);
    expect(err).toContain("download: HTTP 302, a redirect, which is not followed");
  });
});
