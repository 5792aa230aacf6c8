import { candidates } from "../../worker/src/address";

const CATCH_ALL = "Root@example.org";

test.each<[recipient: string, catchAll: string | undefined, expected: readonly string[] | undefined]>([
  ["me@example.org", undefined, ["me@example.org"]],
  ["ME@Example.ORG", undefined, ["me@example.org"]],
  ["me+tag@example.org", undefined, ["me+tag@example.org", "me@example.org"]],
  ["me+a+b@example.org", undefined, ["me+a+b@example.org", "me@example.org"]],
  ["Me+Tag@example.org", CATCH_ALL, ["me+tag@example.org", "me@example.org", "root@example.org"]],
  ["+tag@example.org", undefined, ["+tag@example.org"]],
  ["me+@example.org", undefined, ["me+@example.org", "me@example.org"]],
  ['"a+b"@example.org', undefined, ['"a+b"@example.org']],
  ['"a@b"@example.org', undefined, ['"a@b"@example.org']],
  ["root@example.org", CATCH_ALL, ["root@example.org"]],
  ["root+x@example.org", CATCH_ALL, ["root+x@example.org", "root@example.org"]],
  ["me@sub.example.org", CATCH_ALL, undefined],
  ["me@notexample.org", CATCH_ALL, undefined],
  ["me@example.org.evil.example", CATCH_ALL, undefined],
  ["@example.org", CATCH_ALL, undefined],
  ["example.org", CATCH_ALL, undefined],
  ["", CATCH_ALL, undefined],
])("%s with catch-all %s", (recipient, catchAll, expected) => {
  expect(candidates(recipient, "example.org", catchAll)).toEqual(expected);
});
