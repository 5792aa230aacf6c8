import * as fc from "fast-check";
import { partners } from "../../../onhost/src/import/match";

const mailboxes = fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1 }).map((ids) => ids.sort());
const placed = (prefix: string) =>
  fc
    .array(mailboxes, { maxLength: 6 })
    .map((list) => list.map((ids, index) => ({ id: `${prefix}${index}`, mailboxes: ids })));

describe("which message on the server stands for which of the export", () => {
  test("nobody stands for two, nobody is left over in vain, and exact places come first", () => {
    fc.assert(
      fc.property(placed("w"), placed("h"), (wanted, have) => {
        const found = partners(wanted, have);
        expect(new Set([...found.values()].map(({ id }) => id)).size).toBe(found.size);
        expect(found.size).toBe(Math.min(wanted.length, have.length));
        const key = (ids: readonly string[]) => ids.join();
        for (const { id, mailboxes: ids } of wanted) {
          const exact = have.filter((one) => key(one.mailboxes) === key(ids)).length;
          const rivals = wanted.filter((one) => key(one.mailboxes) === key(ids)).length;
          if (exact >= rivals) expect(key(found.get(id)?.mailboxes ?? [])).toBe(key(ids));
        }
      }),
    );
  });

  test("an import that was broken off between two places of one content does not take the one for the other", () => {
    const wanted = [
      { id: "archive", mailboxes: ["a"] },
      { id: "inbox", mailboxes: ["b"] },
    ];
    expect([...partners(wanted, [{ id: "e1", mailboxes: ["b"] }])]).toEqual([
      ["inbox", { id: "e1", mailboxes: ["b"] }],
    ]);
  });
});
