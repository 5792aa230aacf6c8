import { readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { journalKey, openJournal } from "../../../onhost/src/import/journal";
import { temporaryFolder } from "../../../sandbox/temporary";

const SERVER = "http://stalwart:8080";
const pairs = fc.array(
  fc.tuple(
    fc.constantFrom("0", "1", "a", "f").map((digit) => digit.repeat(64)),
    fc.string({ maxLength: 8 }),
  ),
  { maxLength: 20 },
);

describe("the journal of an import", () => {
  test("a journal that a kill cut off anywhere says nothing wrong, and goes on", () => {
    fc.assert(
      fc.property(pairs, fc.nat(), (lines, cut) => {
        const folder = temporaryFolder();
        try {
          const journal = openJournal(folder.path, SERVER, "c");
          for (const [key, id] of lines) journal.add(key, id);
          journal.close();
          const [file] = readdirSync(folder.path);
          if (file === undefined) return;
          const path = join(folder.path, file);
          truncateSync(path, cut % (readFileSync(path).length + 1));

          const again = openJournal(folder.path, SERVER, "c");
          const known = new Map<string, string[]>();
          for (const [key, id] of lines) known.set(key, [...(known.get(key) ?? []), id]);
          for (const [key, id] of again.done) expect(known.get(key)).toContain(id);
          again.add("new", "id");
          again.close();
          const last = openJournal(folder.path, SERVER, "c");
          expect(last.done.get("new")).toBe("id");
          expect(new Map([...last.done].filter(([key]) => key !== "new"))).toEqual(
            new Map([...again.done].filter(([key]) => key !== "new")),
          );
          last.close();
        } finally {
          folder.remove();
        }
      }),
      { numRuns: 50 },
    );
  });

  test("accounts and servers have journals of their own, whose names lead nowhere else", () => {
    const folder = temporaryFolder();
    try {
      for (const [server, account] of [
        [SERVER, "c"],
        [SERVER, "C"],
        ["http://other", "c"],
        [SERVER, "../../c"],
      ] as const) {
        const journal = openJournal(folder.path, server, account);
        expect(journal.done.size).toBe(0);
        journal.add("key", account);
        journal.close();
      }
      expect(readdirSync(folder.path)).toHaveLength(4);
    } finally {
      folder.remove();
    }
  });

  test("the same content elsewhere is another message", () => {
    const keys = [
      journalKey("aa", ["x"]),
      journalKey("aa", ["x", "y"]),
      journalKey("ab", ["x"]),
      journalKey("aa", ['x","y']),
    ];
    expect(new Set(keys).size).toBe(4);
    expect(journalKey("aa", ["x"])).toBe(keys[0]);
  });
});
