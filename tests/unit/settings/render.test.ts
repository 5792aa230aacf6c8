import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { quote } from "../../../infra/settings/fault";
import { type ConfigKey, KEYS } from "../../../infra/settings/keys";
import { parseSettings, renderProblems } from "../../../infra/settings/parse";
import { nearestKey } from "../../../infra/settings/spelling";
import { problemsOf, rawWith, SECRETS } from "./fixtures";

const GOLDEN = resolve(__dirname, "../../golden/settings-problems.txt");

const BAD = {
  domain: "https://Example.org/",
  accountId: undefined,
  primaryAddress: "Root@example.org",
  aliases: '["postmaster","postmaster","Jürgen"]',
  serverHostname: "mail.home.example.org",
  services: '["imap"]',
  dkimRsaPrivateKey: SECRETS.dkimEd25519PrivateKey,
  dmarcPolicy: "rejct",
  resendApiKey: { text: SECRETS.resendApiKey, secret: false },
  hostPort: "70000",
  hostUser: { text: "not a user", secret: true },
  hostKey: "SHA256:uNiVztksCsDhcc0u9e8BrJPn7w",
  domian: "example.org",
  "od'd\u001b[31m": "x",
};

test("every problem of a bad file is said at once, with what is allowed and a command", () => {
  const said = renderProblems(problemsOf(parseSettings(rawWith(BAD))), "prod");
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(GOLDEN, said);
  expect(said).toBe(readFileSync(GOLDEN, "utf8"));
});

test("problems come in the order of the key table, unknown keys last", () => {
  const keys = problemsOf(parseSettings(new Map([["zzz", { text: "", secret: false }]]))).map(({ key }) => key);
  const required = Object.entries<ConfigKey>(KEYS).filter(([, key]) => key.default === undefined);
  expect(keys).toEqual([...required.map(([name]) => `mail:${name}`), "mail:zzz"]);
});

test("a value is shown on one line, cut, and cannot move the terminal's cursor", () => {
  expect(quote('a"\n\u001b[2J\u202eb')).toBe(String.raw`"a\"\n\u{1b}[2J\u{202e}b"`);
  expect(quote("x".repeat(81))).toBe(`"${"x".repeat(80)}" (the first 80 of 81 characters)`);
  expect(quote("x".repeat(80))).toBe(`"${"x".repeat(80)}"`);
});

test.each([
  ["domian", "domain"],
  ["acountId", "accountId"],
  ["hostSshKey", undefined],
  ["DOMAIN", "domain"],
  ["dkimRSASelector", "dkimRsaSelector"],
  ["xyz", undefined],
])("%s is taken for %s", (written, meant) => {
  expect(nearestKey(written)).toBe(meant);
});
