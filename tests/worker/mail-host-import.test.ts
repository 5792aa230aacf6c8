import { readFileSync } from "node:fs";
import * as path from "node:path";
import { call, get, importMail, mailFolder, RAW, ROOT, server, upload } from "./mail-host";

describe("import", () => {
  test("keeps the bytes, twice if asked twice, and writes them to the folder", async () => {
    const blobId = await upload(RAW);
    expect(await upload(RAW)).toBe(blobId);
    for (let count = 0; count < 2; count++)
      expect(await importMail({ blobId })).toMatchObject([
        "Email/import",
        { created: { e: { size: RAW.length } } },
        "0",
      ]);
    expect(server.mailbox("postmaster@example.org").map(({ raw }) => raw)).toEqual([RAW, RAW]);
    for (const file of ["0001.eml", "0002.eml"])
      expect(readFileSync(path.join(mailFolder, "root@example.org", "Inbox", file))).toEqual(RAW);
  });

  test("a person sees the message, its bytes too", async () => {
    await importMail({ blobId: await upload(RAW) });
    const [, query] = await call("Email/query", { accountId: "c", filter: { inMailbox: "a" } }, ROOT);
    const [, got] = await call("Email/get", { accountId: "c", ids: query["ids"] }, ROOT);
    expect(got).toMatchObject({ list: [{ subject: "x", size: RAW.length }] });
    const [{ blobId = "", keywords } = {}] = got["list"] as { blobId?: string; keywords?: object }[];
    expect(keywords).toEqual({});
    const download = await get(`/jmap/download/c/${blobId}/mail.eml`, ROOT);
    expect(Buffer.from(await download.arrayBuffer())).toEqual(RAW);
  });

  test.each([["no header\r\n"], ["X-Only: this\r\n\r\nbody"], [""]])("%j is no message", async (text) => {
    const blobId = await upload(Buffer.from(text));
    expect(await importMail({ blobId })).toMatchObject([
      "Email/import",
      { notCreated: { e: { type: "invalidEmail" } } },
      "0",
    ]);
  });

  test.each<[change: object, type: string]>([
    [{ blobId: `e${"0".repeat(64)}` }, "blobNotFound"],
    [{ blobId: "#b" }, "invalidProperties"],
    [{ mailboxIds: { zz: true } }, "invalidProperties"],
  ])("%j is %s", async (change, type) => {
    expect(await importMail({ blobId: await upload(RAW), ...change })).toMatchObject([
      "Email/import",
      { notCreated: { e: { type } } },
      "0",
    ]);
  });

  test("a full account", async () => {
    expect(await importMail({ blobId: await upload(RAW) }, "d")).toMatchObject([
      "Email/import",
      { notCreated: { e: { type: "overQuota" } } },
      "0",
    ]);
  });
});
