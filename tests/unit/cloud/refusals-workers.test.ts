import { accountId, cron, DOMAIN, lifecycle, r2, script, zoneId } from "./cloud";
import { eachRefused } from "./refusals";

describe("the model refuses of Workers and R2", () => {
  eachRefused([
    [
      "a binding of an unknown type",
      [],
      ["script", script({ bindings: [{ type: "secretText", name: "A", text: "" }] })],
      undefined,
      "bindings[0].type value must be one of",
    ],
    [
      "a binding without type",
      [],
      ["script", script({ bindings: [{ name: "A", text: "" }] })],
      undefined,
      "bindings[0].type",
    ],
    [
      "two bindings of one name",
      [],
      [
        "script",
        script({
          bindings: [
            { type: "plain_text", name: "A" },
            { type: "secret_text", name: "A" },
          ],
        }),
      ],
      10021,
      "'A' already in use",
    ],
    [
      "a bucket that does not exist",
      [],
      ["script", script({ bindings: [{ type: "r2_bucket", name: "A", bucketName: "nope" }] })],
      10085,
      "R2 bucket 'nope' not found",
    ],
    ["a bucket of R2 twice", [], ["r2", r2()], 10004, "already exists, and you own it"],
    ["a bucket of R2 with a dot", [], ["r2", r2({ name: "mail.spool" })], 10005, "name is not valid"],
    ["a bucket of R2 with two letters", [], ["r2", r2({ name: "ab" })], 10005, "name is not valid"],
    ["a bucket of R2 with 64 letters", [], ["r2", r2({ name: "a".repeat(64) })], 10005, "name is not valid"],
    ["a lifecycle of no bucket", [], ["lifecycle", lifecycle({ bucketName: "nope" })], 10006, "does not exist"],
    [
      "a lifecycle rule that does nothing",
      [],
      ["lifecycle", lifecycle({ rules: [{ id: "a", enabled: true, conditions: { prefix: "" } }] })],
      10040,
      "not valid",
    ],
    [
      "a lifecycle rule of an invented kind",
      [],
      [
        "lifecycle",
        lifecycle({
          rules: [
            {
              id: "a",
              enabled: true,
              conditions: { prefix: "" },
              deleteObjectsTransition: { condition: { type: "age", maxAge: 1 } },
            },
          ],
        }),
      ],
      undefined,
      "condition type value must be one of",
    ],
    [
      "a cron trigger of no script",
      [],
      ["cron", { ...cron("*/5 * * * *"), scriptName: "nobody" }],
      10007,
      "nobody does not exist",
    ],
    ["a cron trigger of four fields", [], ["cron", cron("*/5 * * *")], undefined, "invalid cron string"],
    ["placement", [], ["script", script({ placement: { mode: "smart" } })], 10001, "metadata"],
    ["a script without main module", [], ["script", script({ mainModule: undefined })], 10021, "main module"],
    ["a script with a syntax error", [], ["script", script({ content: "export default {" })], 10021, "SyntaxError"],
    [
      "a script without handlers",
      [],
      ["script", script({ content: "let a = 1;" })],
      10068,
      "no registered event handlers",
    ],
    ["a script's name in upper case", [], ["script", script({ scriptName: "Mail In" })], 10016, "Invalid Worker name"],
    [
      "a script of another account",
      [],
      ["script", script({ accountId: "0".repeat(32) })],
      7003,
      "Could not route to /accounts",
    ],
    [
      "an address of a missing script",
      [],
      ["subdomain", { accountId, scriptName: "nobody", enabled: false }],
      10007,
      "Worker nobody does not exist",
    ],
    [
      "a route to a missing script",
      [],
      ["route", { zoneId, pattern: `a.${DOMAIN}/*`, script: "nobody" }],
      10007,
      "Worker nobody does not exist",
    ],
    [
      "a route of another zone",
      [],
      ["route", { zoneId, pattern: "a.example.net/*", script: "mail-in" }],
      10022,
      "not in the zone",
    ],
    [
      "a route's pattern twice",
      [["route", { zoneId, pattern: `a.${DOMAIN}/*`, script: "mail-in" }]],
      ["route", { zoneId, pattern: `a.${DOMAIN}/*`, script: "mail-in" }],
      10020,
      "same pattern",
    ],
  ]);
});
