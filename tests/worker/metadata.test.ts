import { deadMetadata, fromMetadata, toMetadata } from "../../worker/src/spool";

describe("metadata", () => {
  const entry = { from: "", to: "Ä %+x@example.org", receivedAt: Date.parse("2026-01-02T03:04:05.678Z"), start: 3 };

  test("survives the way through HTTP headers", () => {
    const customMetadata = toMetadata(entry);
    expect(Object.values(customMetadata).join("")).toMatch(/^[ -~]*$/);
    expect(fromMetadata({ key: "k", size: 9, etag: "", customMetadata })).toEqual(entry);
    expect(customMetadata).toMatchObject({ version: "1", receivedAt: "2026-01-02T03:04:05.678Z" });
  });

  test("fits into an object, however long the sender's name", () => {
    const metadata = deadMetadata(toMetadata({ ...entry, from: "ä\ud800".repeat(1_000) }), "é".repeat(1_000), 0);
    const size = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    expect(size).toBeLessThan(2_048);
    expect(() => toMetadata({ ...entry, to: "x".repeat(701) })).toThrow("the recipient is too long");
  });

  test.each([
    {},
    { to: "a@b", from: "", receivedAt: "x", start: "0" },
    { to: "a@b", from: "", receivedAt: "2026-01-01", start: "10" },
  ])("%j is no envelope", (customMetadata: object) => {
    expect(fromMetadata({ key: "k", size: 9, etag: "", customMetadata: { ...customMetadata } })).toBeUndefined();
  });
});
