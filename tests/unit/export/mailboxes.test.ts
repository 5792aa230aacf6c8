import { parentsFirst } from "../../../onhost/src/import/mailboxes";

const mailbox = (id: string, parentId: string | null) => ({ id, parentId });
const idsOf = (mailboxes: readonly Readonly<Record<string, unknown>>[]) => parentsFirst(mailboxes).map(({ id }) => id);

describe("mailboxes of an export", () => {
  it("come behind their parents, and otherwise in the export's order", () => {
    expect(idsOf([mailbox("c", "b"), mailbox("b", "a"), mailbox("d", null), mailbox("a", null)])).toEqual([
      ...["a", "b", "c", "d"],
    ]);
  });

  it("come once each when a hostile export has them in circles, twice, or below what is not there", () => {
    expect(idsOf([mailbox("a", "b"), mailbox("b", "a")])).toEqual(["b", "a"]);
    expect(idsOf([mailbox("a", "a"), mailbox("a", null), mailbox("b", "gone")])).toEqual(["a", "b"]);
  });

  it("may lie a hundred thousand deep in each other", () => {
    const deep = Array.from({ length: 100_000 }, (_, at) => mailbox(String(at), at === 99_999 ? null : String(at + 1)));
    const ids = idsOf(deep);
    expect([ids.length, ids[0]]).toEqual([100_000, "99999"]);
  });
});
