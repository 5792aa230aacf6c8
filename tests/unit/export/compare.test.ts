import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { compareCommand } from "../../../onhost/src/compare/command";
import { exportCommand } from "../../../onhost/src/export/command";
import { temporaryFolder, type TemporaryFolder } from "../../../sandbox/temporary";
import { fakeJmap, type FakeJmap } from "./fake-jmap";

let server: FakeJmap;
let folder: TemporaryFolder;
let ids: readonly string[];

beforeEach(async () => {
  server = await fakeJmap();
  folder = temporaryFolder();
  ids = ["One", "Two", "Three"].map((subject) => server.deliver(`Subject: ${subject}\r\n\r\nText\r\n`));
  writeFileSync(join(folder.path, "password"), "pw");
  expect((await run(exportCommand)).code).toBe(0);
});
afterEach(async () => {
  await server.close();
  folder.remove();
});

async function run(command: typeof exportCommand, ...args: readonly string[]) {
  let [out, err] = ["", ""];
  const code = await command([join(folder.path, "export"), "--url", server.url, ...login(), ...args], {
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    folder: "",
    stalwart: () => {
      throw new Error("another server is named");
    },
  });
  return { code, out, err };
}

const login = () => ["--user", "me", "--password-file", join(folder.path, "password")];
const compare = (...args: readonly string[]) => run(compareCommand, ...args);

it("says that all is the same, and has read every message", async () => {
  server.log.length = 0;
  expect(await compare()).toEqual({
    code: 0,
    out: "1 accounts, 3 messages listed: 3 the same, 0 deleted since, 0 differences; 0 newer\n",
    err: "",
  });
  expect(server.log.filter((line) => line.includes("download"))).toHaveLength(3);
});

it("lets mail come and go after the export", async () => {
  server.deliver("Subject: Four\r\n\r\n");
  server.remove("Email", ids[0] ?? "");
  const { code, out } = await compare();
  expect({ code, out }).toEqual({
    code: 0,
    out: "1 accounts, 3 messages listed: 2 the same, 1 deleted since, 0 differences; 1 newer\n",
  });
});

it("takes for lost what the server does not remember to have deleted", async () => {
  server.objects("Email").delete(ids[1] ?? "");
  expect(await compare()).toMatchObject({ code: 6, err: `me@example.org: ${ids[1] ?? ""} is not on the server\n` });
  // Its log begins after the export.
  server.deliver("Subject: Four\r\n\r\n");
  server.forget();
  expect((await compare()).err).toBe(
    `me@example.org: ${ids[1] ?? ""} is not on the server, which cannot tell whether it was deleted\n`,
  );
});

it("names a message whose bytes cannot be had, and reads the others", async () => {
  let isFirst = true;
  server.interrupt = (path) => {
    if (!path.includes("download") || !isFirst) return undefined;
    isFirst = false;
    return { status: 404 };
  };
  const { code, out, err } = await compare("--json");
  expect(code).toBe(6);
  expect(err).toMatch(/^me@example\.org: \S+ cannot be read: download: HTTP 404\n$/);
  expect(JSON.parse(out)).toMatchObject({ accounts: [{ account: "me@example.org", listed: 3, same: 2 }] });
});

it("names a message with other bytes", async () => {
  const [one, two] = ids.map((id) => server.objects("Email").get(id));
  Object.assign(one ?? {}, { blobId: two?.["blobId"] });
  expect(await compare()).toMatchObject({
    code: 6,
    err: `me@example.org: ${ids[0] ?? ""} has other bytes than in the export\n`,
  });
});

it("names a mailbox that is gone", async () => {
  server.objects("Mailbox").clear();
  expect((await compare()).err).toContain("is no mailbox on the server");
});

it("does not compare with no export", async () => {
  await expect(run((args, context) => compareCommand(["/nowhere", ...args.slice(1)], context))).rejects.toThrow(
    "There is no export in /nowhere.",
  );
  expect((await compare("one", "two")).code).toBe(2);
});
