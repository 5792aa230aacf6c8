import fc from "fast-check";

import { relativeToDomain } from "../../../infra/settings/relative-name";
import { parseResendRecords } from "../../../infra/settings/resend";

test.each([
  ["send", "example.org", "send"],
  ["send.", "example.org", "send"],
  ["Send.Example.ORG.", "example.org", "send"],
  ["@", "example.org", ""],
  ["example.org", "example.org", ""],
  ["send.mail", "mail.example.co.uk", "send"],
  ["send.mail.example.co.uk", "mail.example.co.uk", "send"],
  ["resend._domainkey.mail", "mail.example.co.uk", "resend._domainkey"],
  ["send.a.mail", "a.mail.example.org", "send"],
  ["send.a", "a.mail.example.org", "send"],
  ["send.mail", "a.mail.example.org", "send.mail"],
  // Below a private suffix the registered domain is one label longer for some lists than for others.
  ["send.me", "me.github.io", "send"],
  ["send.mail.me", "mail.me.github.io", "send"],
  ["send.mail", "mail.me.github.io", "send"],
  // The label is the return path's own.
  ["send", "send.example.org", "send"],
  ["send.send", "send.example.org", "send"],
  ["send.example", "example.org", "send.example"],
  ["send.mail", "mail.host.test", "send"],
])("%s of %s is %s", (name, domain, expected) => {
  expect(relativeToDomain(name, domain)).toBe(expected);
});

test("every way to spell a name below a mail domain comes to the same name", () => {
  const label = fc.stringMatching(/^[a-z]{3,8}$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), label, label, (sub, registered, own) => {
      fc.pre(!sub.includes(own));
      const domain = [...sub, registered, "co.uk"].join(".");
      const above = sub.map((_, index) => [own, ...sub.slice(0, index + 1)].join("."));
      for (const name of [own, `${own}.${domain}`, `${own}.${domain}.`, own.toUpperCase(), ...above])
        if (name === own || name === own.toUpperCase() || name.includes(domain) || name === [own, ...sub].join("."))
          expect(relativeToDomain(name, domain)).toBe(own);
    }),
  );
});

test("npm run settings tells a name that is relative to the registered domain, with the command that mends it", () => {
  const record = { record: "SPF", type: "TXT", name: "send.mail", value: "v=spf1 include:amazonses.com ~all" };
  const refused = parseResendRecords(JSON.stringify([record]), "mail.example.co.uk");
  expect(refused).toMatchObject({
    ok: false,
    faults: [{ rule: "is relative to the registered domain, not to the mail domain", mend: "send" }],
  });
  expect(parseResendRecords(JSON.stringify([record]), "example.co.uk").ok).toBe(true);
});
