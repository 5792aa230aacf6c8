import * as fc from "fast-check";
import { mailboxFolders, messageFile } from "../../../onhost/src/export/folders";
import { fileName, fileNames, folded, MAX_NAME_BYTES } from "../../../onhost/src/export/names";

/** What people, programs and attackers call mailboxes, and everything else. */
const name = fc.oneof(
  fc.constantFrom("INBOX", "inbox", "Inbox", "..", ".", "", " ", "a/b", "a%2Fb", "CON", "con.txt", "x.eml", "x.EML"),
  fc.constantFrom("é", "e\u0301", "É", "ß", "SS", "ﬁ", "fi", "İ", "i̇", "K", "k", "\u212a", "a~0123abcd", "a\0b", "-rf"),
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
  fc.integer({ min: 60, max: 400 }).map((length) => "é".repeat(length)),
);

describe("names of files", () => {
  test("every name is one that every usual file system takes, and within a folder", () => {
    fc.assert(
      fc.property(name, (text) => {
        const file = fileName(text);
        expect(file).not.toBe("");
        expect(Buffer.byteLength(file)).toBeLessThanOrEqual(MAX_NAME_BYTES);
        // eslint-disable-next-line no-control-regex
        expect(file).not.toMatch(/[/\\<>:"|?*\u0000-\u001f\u007f]|^[. ]|[. ]$|\.eml$/i);
        expect(file).not.toMatch(/^(?:con|prn|aux|nul|com\d|lpt\d)(?:[. ]|$)/i);
        expect(file.normalize("NFC")).toBe(file);
        expect(Buffer.from(file).toString()).toBe(file);
      }),
      { numRuns: 2_000 },
    );
  });

  test("siblings have names that differ even without case and normal form, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(name, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (list, shuffle) => {
        const items = list.map((text, index) => ({ name: text, key: `k${index}` }));
        const names = fileNames(items);
        const values = [...names.values()];
        expect(new Set(values.map(folded)).size).toBe(list.length);
        for (const file of values) expect(Buffer.byteLength(file)).toBeLessThanOrEqual(MAX_NAME_BYTES);
        const order = new Map(items.map((item) => [item, shuffle.next().value]));
        const shuffled = [...items].sort((one, other) => (order.get(one) ?? 0) - (order.get(other) ?? 0));
        expect(fileNames(shuffled)).toEqual(names);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["Invoices", "Invoices"],
    ["a/b", "a%2Fb"],
    ["100%", "100%25"],
    ["..", "%2E%2E"],
    [".hidden", "%2Ehidden"],
    ["e\u0301", "é"],
    ["NUL.txt", "%4EUL.txt"],
    ["2026.eml", "2026%2Eeml"],
    ["x~0123abcd", "x%7E0123abcd"],
    ["😀 日本語", "😀 日本語"],
  ])("%s is %s", (text, file) => {
    expect(fileName(text)).toBe(file);
  });

  test("of names that clash one stays as it is", () => {
    const names = fileNames(["work", "Work", "WORK"].map((text) => ({ name: text, key: text })));
    expect(names.get("WORK")).toBe("WORK");
    expect(names.get("Work")).toMatch(/^Work~[0-9a-f]{8}$/);
    expect(names.get("work")).toMatch(/^work~[0-9a-f]{8}$/);
  });
});

describe("folders of mailboxes", () => {
  const tree = fc.array(fc.record({ name, parent: fc.nat({ max: 14 }) }), { maxLength: 14 }).map((list) =>
    list.map(({ name: text, parent }, index) => ({
      id: `m${index}`,
      name: text,
      // Also parents that do not exist, and mailboxes that are their own ancestors.
      parentId: parent === index ? null : `m${parent}`,
    })),
  );

  test("every mailbox has one of its own below the account, and its path is short enough", () => {
    fc.assert(
      fc.property(tree, (mailboxes) => {
        const folders = mailboxFolders(mailboxes);
        expect([...folders.keys()].sort()).toEqual(mailboxes.map(({ id }) => id).sort());
        expect(new Set([...folders.values()].map(folded)).size).toBe(mailboxes.length);
        for (const folder of folders.values()) {
          expect(Buffer.byteLength(folder)).toBeLessThanOrEqual(2_000);
          expect(folder.split("/").filter((part) => part === "" || part === "." || part === "..")).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("children lie in their parents' folders", () => {
    const mailboxes = [
      { id: "c", name: "Invoices", parentId: "b" },
      { id: "b", name: "2025", parentId: "a" },
      { id: "a", name: "Work", parentId: null },
    ];
    expect(mailboxFolders(mailboxes).get("c")).toBe("Work/2025/Invoices");
  });
});

test("a message's file names its date and its hash", () => {
  const sha256 = "ab".repeat(32);
  expect(messageFile("2026-01-02T03:04:05Z", sha256)).toBe(`2026-01-02T03-04-05Z_${sha256}.eml`);
  expect(messageFile("../../etc", sha256)).toBe(`undated_${sha256}.eml`);
});
