import fc from "fast-check";
import { cleanText, codesOf, NoReplyError, ReplyParser } from "../../worker/src/lmtp/reply";
import type { Reply } from "../../worker/src/lmtp/reply";

/** Every reply in the bytes, which come in pieces of these lengths. */
function replies(text: string, cuts: readonly number[] = []): readonly Reply[] {
  const parser = new ReplyParser();
  const found: Reply[] = [];
  let rest = Buffer.from(text, "latin1");
  for (let index = 0; rest.length > 0; index += 1) {
    const size = cuts[index] ?? rest.length;
    parser.push(rest.subarray(0, size));
    rest = rest.subarray(size);
    for (let reply = parser.next(); reply !== undefined; reply = parser.next()) found.push(reply);
  }
  return found;
}

test.each<[text: string, expected: readonly Reply[]]>([
  ["250 ok\r\n", [{ code: 250, enhanced: undefined, lines: ["ok"] }]],
  ["250\r\n", [{ code: 250, enhanced: undefined, lines: [""] }]],
  ["250 2.1.0 ok\n", [{ code: 250, enhanced: "2.1.0", lines: ["ok"] }]],
  ["550 5.1.1\r\n", [{ code: 550, enhanced: "5.1.1", lines: [""] }]],
  ["550-5.1.1 no\r\n550 5.1.1 one\r\n", [{ code: 550, enhanced: "5.1.1", lines: ["no", "one"] }]],
  ["550-no\r\n550 5.1.1 one\r\n", [{ code: 550, enhanced: "5.1.1", lines: ["no", "one"] }]],
  // An enhanced code of another class is a text.
  ["550 4.1.1 no\r\n", [{ code: 550, enhanced: undefined, lines: ["4.1.1 no"] }]],
  [
    "250 one\r\n354 two\r\n",
    [
      { code: 250, enhanced: undefined, lines: ["one"] },
      { code: 354, enhanced: undefined, lines: ["two"] },
    ],
  ],
  ["250-not yet\r\n", []],
  ["250 not ye", []],
])("%j", (text, expected) => {
  expect(replies(text)).toEqual(expected);
});

test.each([
  ["the lines of a reply have different codes", "250-one\r\n251 two\r\n"],
  ["a line is not one of a reply", "hello\r\n"],
  ["a line is not one of a reply", "150 one\r\n"],
  ["a line is not one of a reply", "650 six\r\n"],
  ["a line is not one of a reply", "2500 more\r\n"],
  ["a line is not one of a reply", "\r\n"],
  ["a line is not one of a reply", "250-one\r\nquota\r\n"],
  ["a line is longer than 2000 bytes", `250 ${"x".repeat(2_000)}`],
  ["a reply has more than 100 lines", "250-x\r\n".repeat(101)],
])("%s", (message, text) => {
  expect(() => replies(text)).toThrow(new NoReplyError(message));
});

const line = fc.string({ unit: "grapheme-ascii", maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, ""));
const reply = fc
  .tuple(fc.constantFrom(220, 250, 354, 421, 550), fc.array(line, { minLength: 1, maxLength: 4 }))
  .map(([code, lines]) =>
    lines.map((text, index) => `${code}${index === lines.length - 1 ? " " : "-"}${text}\r\n`).join(""),
  );

test("however the bytes are cut, the replies are the same", () => {
  fc.assert(
    fc.property(
      fc.array(reply, { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 60 }),
      (texts, cuts) => {
        const text = texts.join("");
        expect(replies(text, cuts)).toEqual(replies(text));
        expect(replies(text)).toHaveLength(texts.length);
      },
    ),
    { numRuns: 500 },
  );
});

test("whatever comes, it ends in replies or in an error that quotes nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4_000 }), (bytes) => {
      try {
        replies(Buffer.from(bytes).toString("latin1"));
      } catch (error) {
        expect(error).toBeInstanceOf(NoReplyError);
      }
    }),
    { numRuns: 500 },
  );
});

test("the text for the sender is printable, short and without IP addresses", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 300 }), { minLength: 1, maxLength: 5 }), (lines) => {
      expect(cleanText({ code: 550, enhanced: undefined, lines })).toMatch(/^[ -~]{0,200}$/);
    }),
  );
  const lines = ["at 10.0.0.7, [IPv6:fd00::1] and 2001:db8:0:1:2:3:4:5", "for me"];
  expect(cleanText({ code: 550, enhanced: "5.7.1", lines })).not.toMatch(/10\.0|fd00|2001|db8/);
  expect(codesOf({ code: 550, enhanced: "5.7.1", lines })).toBe("550 5.7.1");
});
