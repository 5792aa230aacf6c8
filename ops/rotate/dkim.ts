import { generateKeyPairSync } from "node:crypto";

import { parseEd25519Key, parseRsaKey } from "../../infra/settings/dkim";
import { type PublishedKey, parsePublished, publishedText } from "../../infra/settings/rotation";
import { type Change, type Config, RotationError, type Source, type Stage } from "./rotation";

/** Who asked for the new name before it was there has forgotten the answer after the zone's negative TTL, 30 minutes. */
const KNOWN_SECONDS = 3_600;
/** Servers try for four to five days (RFC 5321 section 4.5.4.1), and who reads a message late may verify it then. */
const UNDER_WAY_SECONDS = 7 * 86_400;
const RSA_BITS = 2_048;

/** Where the new private keys are between the first and the second stage. */
const NEXT = { rsa: "rotate:dkimRsaPrivateKey", ed25519: "rotate:dkimEd25519PrivateKey" } as const;
const KEYS = {
  rsa: { selector: "mail:dkimRsaSelector", key: "mail:dkimRsaPrivateKey", parse: parseRsaKey, letter: "r" },
  ed25519: {
    selector: "mail:dkimEd25519Selector",
    key: "mail:dkimEd25519PrivateKey",
    parse: parseEd25519Key,
    letter: "e",
  },
} as const;
const PUBLISHED = "mail:dkimPublished";
const ALGORITHMS = ["rsa", "ed25519"] as const;
type Algorithm = (typeof ALGORITHMS)[number];

export const DKIM_STAGES: readonly Stage[] = [
  { name: "publish", title: "The new keys' records are in DNS; the old ones sign", waitSeconds: 0, changes: publish },
  { name: "sign", title: "The new keys sign; the old ones' records stay", waitSeconds: KNOWN_SECONDS, changes: sign },
  { name: "withdraw", title: "The old keys' records are gone", waitSeconds: UNDER_WAY_SECONDS, changes: withdraw },
];

function publish(config: Config, { now }: Source): readonly Change[] {
  const present = publishedIn(config);
  const taken = new Set([...present, ...ALGORITHMS.map((algorithm) => signing(algorithm, config))].map(selectorOf));
  const made = ALGORITHMS.map((algorithm) => {
    const pem = newKey(algorithm);
    const selector = freeSelector(`${now.toISOString().slice(0, 7).replace("-", "")}${KEYS[algorithm].letter}`, taken);
    return { pem, key: { selector, algorithm, publicKey: publicHalf(algorithm, pem) } };
  });
  return [
    ...made.map(({ pem, key }) => ({ key: NEXT[key.algorithm], value: pem, secret: true })),
    { key: PUBLISHED, value: publishedText([...present, ...made.map(({ key }) => key)]), secret: false },
  ];
}

function sign(config: Config): readonly Change[] {
  const present = publishedIn(config);
  const next = ALGORITHMS.map((algorithm) => {
    const pem = valueOf(config, NEXT[algorithm]);
    const publicKey = publicHalf(algorithm, pem);
    const key = present.find((published) => published.publicKey === publicKey);
    if (key !== undefined) return { pem, key };
    throw new RotationError(
      `${PUBLISHED} does not have the ${algorithm} key that is to sign next. Nothing was changed. ` +
        "Begin anew: pulumi config rm rotate:dkim; then the rotation again",
    );
  });
  const kept = present.filter((key) => !next.some((one) => one.key === key));
  const old = ALGORITHMS.map((algorithm) => signing(algorithm, config));
  return [
    ...next.flatMap(({ pem, key: { algorithm, selector } }) => [
      { key: KEYS[algorithm].selector, value: selector, secret: false },
      { key: KEYS[algorithm].key, value: pem, secret: true },
      { key: NEXT[algorithm], remove: true as const },
    ]),
    { key: PUBLISHED, value: publishedText([...kept, ...old]), secret: false },
  ];
}

function withdraw(): readonly Change[] {
  return [{ key: PUBLISHED, remove: true }];
}

/** The key that signs now, as its record has it. */
function signing(algorithm: Algorithm, config: Config): PublishedKey {
  const { selector, key } = KEYS[algorithm];
  return { selector: valueOf(config, selector), algorithm, publicKey: publicHalf(algorithm, valueOf(config, key)) };
}

function publishedIn(config: Config): readonly PublishedKey[] {
  const checked = parsePublished(config.get(PUBLISHED) ?? "", { domain: config.get("mail:domain"), taken: new Map() });
  if (checked.ok) return checked.value;
  throw new RotationError(
    `${PUBLISHED} ${checked.faults[0]?.rule ?? "cannot be read"}. Nothing was changed. Look at it: pulumi preview`,
  );
}

function publicHalf(algorithm: Algorithm, pem: string): string {
  const checked = KEYS[algorithm].parse(pem);
  if (checked.ok) return checked.value.publicKey;
  throw new RotationError(
    `A DKIM key ${checked.faults[0]?.rule ?? "cannot be read"}. Nothing was changed. Look: pulumi preview`,
  );
}

function newKey(algorithm: Algorithm): string {
  const form = { type: "pkcs8", format: "pem" } as const;
  const { privateKey } =
    algorithm === "rsa" ? generateKeyPairSync("rsa", { modulusLength: RSA_BITS }) : generateKeyPairSync("ed25519");
  return privateKey.export(form).toString();
}

function freeSelector(wanted: string, taken: ReadonlySet<string>): string {
  let selector = wanted;
  for (let number = 2; taken.has(selector); number += 1) selector = `${wanted}${number}`;
  return selector;
}

const selectorOf = ({ selector }: PublishedKey): string => selector;

function valueOf(config: Config, key: string): string {
  const value = config.get(key);
  if (value !== undefined && value !== "") return value;
  throw new RotationError(`${key} is not set. Nothing was changed. See what else is missing: pulumi preview`);
}
