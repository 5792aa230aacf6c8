import fc from "fast-check";

import { mailto } from "../../../infra/dns/mailto";
import { parseAddress, parseAlias, parseOwnAddress, parseReportAddress } from "../../../infra/settings/address";
import { asciiLowerCase, MAX_ADDRESS, ownAddress } from "../../../infra/settings/mailbox";
import { candidates } from "../../../worker/src/address";
import { appleProfile, profileUrl } from "../../../worker/src/apple-profile";
import { autodiscover } from "../../../worker/src/autodiscover";
import { isMailbox } from "../../../worker/src/lmtp/path";

/** Settings, commands (`ownAddress`), the Worker's three answers and its delivery take the same text for an address. */

const DOMAIN = "example.org";
const PROVIDER = {
  domain: DOMAIN,
  server: "mail.example.org",
  clients: "mail.example.org",
  displayName: DOMAIN,
  services: new Set(["imaps", "submissions"]),
};

const escaped = (text: string) => text.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`);

async function outlookTakes(address: string): Promise<boolean> {
  const body = `<Autodiscover><Request><EMailAddress>${escaped(address)}</EMailAddress></Request></Autodiscover>`;
  const answer = await autodiscover(
    new Request("https://autodiscover.example.org/", { method: "POST", body }),
    PROVIDER,
  );
  return (await answer?.text())?.includes("<LoginName>") ?? false;
}

async function appleTakes(address: string): Promise<boolean> {
  return (await appleProfile(new Request(profileUrl(DOMAIN, address)), PROVIDER))?.status === 200;
}

const atext = Array.from("abcxyz0189!#$%&'*+-/=?^_`{|}~");
const odd = [
  '"',
  "\\",
  "(",
  ",",
  ":",
  ";",
  "<",
  ">",
  "[",
  "@",
  " ",
  "\u0000",
  "\u00e9",
  "\u212a",
  "\u0130",
  "\ufeff",
  "A",
];
const local = fc
  .array(fc.constantFrom(...atext, ...atext, ...atext, ...odd, "."), { maxLength: 8 })
  .map((characters) => characters.join(""));
const long = fc.integer({ min: 60, max: 70 }).map((length) => "a".repeat(length));
const domain = fc.constantFrom(DOMAIN, DOMAIN, DOMAIN, "EXAMPLE.org", "example.com", `x.${DOMAIN}`, `${DOMAIN}.`, "");
const address = fc
  .tuple(fc.oneof({ weight: 8, arbitrary: local }, long), domain, fc.boolean())
  .map(([before, behind, hasAt]) => `${before}${hasAt ? "@" : ""}${behind}`)
  // The white space around an address in XML is not part of it.
  .filter((text) => text === text.trim() && text !== "");

test("every place takes the same addresses", async () => {
  await fc.assert(
    fc.asyncProperty(address, async (text) => {
      const own = ownAddress(text, DOMAIN);
      const isOwn = own !== undefined;
      expect({ text, outlook: await outlookTakes(text), apple: await appleTakes(text) }).toEqual({
        text,
        outlook: isOwn,
        apple: isOwn,
      });
      // A setting is written in lower case, so that it is compared as it stands.
      const lower = asciiLowerCase(text);
      const isOwnLower = ownAddress(lower, DOMAIN) === lower;
      expect({ lower, own: parseOwnAddress(lower, { domain: DOMAIN }).ok }).toEqual({ lower, own: isOwnLower });
      if (lower.endsWith(`@${DOMAIN}`)) {
        expect({ lower, any: parseAddress(lower).ok }).toEqual({ lower, any: isOwnLower });
        const part = lower.slice(0, -DOMAIN.length - 1);
        if (!part.includes("@"))
          expect({ part, alias: parseAlias(part, DOMAIN).ok }).toEqual({ part, alias: isOwnLower });
      }
      if (own === undefined) return;
      expect(candidates(text, DOMAIN, undefined)?.[0]).toBe(own);
      expect(isMailbox(own)).toBe(true);
      expect(decodeURIComponent(mailto(own))).toBe(`mailto:${own}`);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["a&b@example.org", true],
  ["!#$%&'*+-/=?^_`{|}~@example.org", true],
  [`${"a".repeat(64)}@example.org`, true],
  [`${"a".repeat(65)}@example.org`, false],
  ['"a b"@example.org', false],
  ['"root"@example.org', false],
  [".a@example.org", false],
  ["a..b@example.org", false],
  ["a.@example.org", false],
  ["r\u00f6\u00f6t@example.org", false],
  ["\u212aarl@example.org", false],
  ["a@b@example.org", false],
])("%j: %j", async (text, isAddress) => {
  expect({
    settings: parseOwnAddress(text, { domain: DOMAIN }).ok,
    people: parseAddress(text).ok,
    commands: ownAddress(text, DOMAIN) !== undefined,
    outlook: await outlookTakes(text),
    apple: await appleTakes(text),
  }).toEqual({ settings: isAddress, people: isAddress, commands: isAddress, outlook: isAddress, apple: isAddress });
});

test("an address of a domain that is too long for it is refused by all", () => {
  const domain = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.org`;
  const fits = `${"x".repeat(MAX_ADDRESS - domain.length - 1).slice(0, 64)}@${domain}`;
  expect(ownAddress(fits, domain)).toBe(fits);
  const long = `${"d".repeat(20)}.${domain}`;
  const text = `${"x".repeat(64)}@${long}`;
  expect([text.length > MAX_ADDRESS, ownAddress(text, long)]).toEqual([true, undefined]);
  expect(parseOwnAddress(text, { domain: long }).ok).toBe(false);
});

test("a capital letter that is not in ASCII does not make another address", () => {
  expect(candidates("\u212aarl@example.org", DOMAIN, undefined)).toEqual(["\u212aarl@example.org"]);
});

test.each(["a&b", "a=b", "a!b", "a#b", "a/b"])("reports go to no address that its URI would encode: %s", (part) => {
  const checked = parseReportAddress(`${part}@example.org`);
  expect(checked.ok ? [] : checked.faults.map(({ rule }) => rule)).toEqual([
    "has a character that a report URI would have to encode",
  ]);
});
