import fc from "fast-check";
import { quoteTxt, unquoteTxt } from "../../../infra/dns/txt";

const text = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((n) => String.fromCharCode(n)),
  maxLength: 900,
  size: "max",
});

describe("quoteTxt", () => {
  it.each([
    ["", '""'],
    ["v=spf1 -all", '"v=spf1 -all"'],
    ['say "hi"', '"say \\"hi\\""'],
    ["back\\slash", '"back\\\\slash"'],
    ["a".repeat(255), `"${"a".repeat(255)}"`],
    ["a".repeat(256), `"${"a".repeat(255)}" "a"`],
    [`${"a".repeat(254)}"b`, `"${"a".repeat(254)}\\"" "b"`],
  ])("%j", (given, expected) => {
    expect(quoteTxt(given)).toBe(expected);
  });

  it.each(["caf\u00e9", "two\nlines", "\u{1F4E7}"])("refuses %j and says where and what to do", (given) => {
    expect(() => quoteTxt(given)).toThrow(/U\+[0-9A-F]{4,} at position \d+\. .+\. Remove/);
  });

  it("gives the text back when it is unquoted", () => {
    fc.assert(fc.property(text, (given) => unquoteTxt(quoteTxt(given)) === given));
  });

  it("cuts at exactly 255 bytes, escapes not counted", () => {
    fc.assert(
      fc.property(text, (given) => {
        const strings = quoteTxt(given).match(/"(?:[^"\\]|\\.)*"/g) ?? [];
        const lengths = strings.map((string) => unquoteTxt(string).length);
        expect(lengths.slice(0, -1).every((length) => length === 255)).toBe(true);
        expect(lengths.at(-1)).toBeLessThanOrEqual(255);
      }),
    );
  });
});

describe("unquoteTxt", () => {
  it("reads decimal escapes", () => {
    expect(unquoteTxt('"a\\059b" "c"')).toBe("a;bc");
  });

  it.each(["v=spf1 -all", '"open', '"a""b"', "", '"a" b'])("refuses %j", (given) => {
    expect(() => unquoteTxt(given)).toThrow(/not a list of quoted strings/);
  });
});
