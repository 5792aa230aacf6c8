import { inspect } from "node:util";
import fc from "fast-check";
import { KEYS } from "../../../infra/settings/keys";
import { parseSettings, type RawValue, renderProblems } from "../../../infra/settings/parse";
import { problemsOf, rawWith, SECRETS, settingsWith } from "./fixtures";

const KEY_NAMES = Object.keys(KEYS);

/** Near misses find more than noise: pieces of valid values, JSON, PEM, controls. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme" }),
  fc.json(),
  fc
    .array(
      fc.constantFrom(
        "a",
        ".",
        "@",
        "example.test",
        "\n",
        "-----BEGIN PRIVATE KEY-----",
        "ssh-ed25519 ",
        "AAAA",
        "[",
        '"',
        "{stack}",
        "\u202e",
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join("")),
  fc.constantFrom(...Object.values(SECRETS)),
);
const value: fc.Arbitrary<RawValue> = fc.record({
  text: fc.option(text, { nil: undefined, freq: 9 }),
  secret: fc.boolean(),
});
const key = fc.oneof(
  fc.constantFrom(...KEY_NAMES),
  fc.string(),
  fc.constantFrom("__proto__", "constructor", "toString", "domian"),
);

test("no input makes the parser throw, and what it says stays short and printable", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 30 }), fc.boolean(), (entries, complete) => {
      const raw = new Map<string, RawValue>([...(complete ? rawWith() : []), ...entries]);
      for (const problem of problemsOf(parseSettings(raw))) {
        const said = renderProblems([problem], "prod");
        expect(said.length).toBeLessThan(3_000);
        expect(said.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
      }
    }),
    { numRuns: 300 },
  );
});

test("no secret's text ever shows, wherever it was stored as a secret", () => {
  const marker = fc.stringMatching(/^[A-Za-z][a-zA-Z0-9]{19}$/);
  const around = fc.constantFrom(
    "",
    "https://",
    "root@",
    "@example.test",
    "Ä",
    ".",
    " ",
    '["',
    '[{"name":"',
    "ssh-rsa ",
    "-----BEGIN PRIVATE KEY-----\n",
  );
  fc.assert(
    fc.property(fc.constantFrom(...KEY_NAMES), marker, around, around, (name, secret, before, after) => {
      const result = parseSettings(rawWith({ [name]: { text: before + secret + after, secret: true } }));
      // The effective values of a plain key that is valid are shown; problems never show a part of it.
      const said = JSON.stringify(problemsOf(result)) + renderProblems(problemsOf(result), "prod");
      for (let at = 0; at + 8 <= secret.length; at++)
        expect(said.toLowerCase()).not.toContain(secret.slice(at, at + 8).toLowerCase());
    }),
    { numRuns: 500 },
  );
});

test("settings never show a secret in JSON, in a string or to an inspector", () => {
  const settings = settingsWith();
  const said = JSON.stringify(settings) + inspect(settings, { depth: 9 }) + String(settings.resend.apiKey);
  for (const secret of Object.values(SECRETS)) {
    expect(said).not.toContain(secret);
    expect(said).not.toContain(JSON.stringify(secret).slice(1, -1));
  }
});

test("every domain of valid labels below a known suffix passes, with its addresses and host names", () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/).filter((text) => !text.startsWith("xn--"));
  fc.assert(
    fc.property(
      fc.array(label, { minLength: 1, maxLength: 4 }),
      fc.constantFrom("org", "test", "example", "de"),
      (labels, suffix) => {
        const domain = [...labels, suffix].join(".");
        expect(settingsWith({ domain, primaryAddress: `root@${domain}` }).hostnames.inbound).toBe(`inbound.${domain}`);
      },
    ),
  );
});
