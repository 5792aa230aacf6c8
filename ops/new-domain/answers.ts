import type { KeyName } from "../../infra/settings/keys";
import { parseHostKey } from "../../infra/settings/ssh";
import { ownAddress } from "../../infra/settings/mailbox";
import type { Asked } from "./arguments";
import { NewDomainError } from "./refused";
import { keysOf, textIn, type Values } from "./stack-file";

/** Asks the person. Without a person to ask, it returns the proposal or nothing. */
export type Ask = (question: string, proposal: string) => Promise<string>;

const HOST_QUESTIONS = [
  ["hostAddress", "The docker host's address for SSH"],
  ["hostUser", "The user on it, member of the group docker"],
  ["hostKey", "Its Ed25519 host key (cat /etc/ssh/ssh_host_ed25519_key.pub on its console)"],
] as const satisfies readonly (readonly [KeyName, string])[];

/** The domain's primary address: that of the stack file, else the given one, else the person's. @throws NewDomainError */
export async function primaryAddress({ domain, address: given }: Asked, ask: Ask, text: string): Promise<string> {
  const written = textIn(text, "primaryAddress");
  if (written !== undefined) return written;
  const proposal = `root@${domain}`;
  const address = ownAddress(given ?? (await ask("The domain's primary address", proposal)), domain);
  if (address !== undefined) return address;
  throw new NewDomainError(
    `The primary address is not an address of ${domain}. Nothing was changed. Name one: --address ${proposal}`,
  );
}

/** What only the operator knows about the host. It does not ask for what the stack file has. @throws NewDomainError */
export async function hostAnswers({ host }: Asked, ask: Ask, text: string): Promise<Values> {
  const has = keysOf(text);
  const answers: Partial<Record<KeyName, string>> = {};
  if (host !== undefined) return answers;
  for (const [key, question] of HOST_QUESTIONS) {
    if (has.has(key)) continue;
    const answer = (await ask(question, "")).trim();
    if (answer !== "") answers[key] = key === "hostKey" ? hostKey(answer) : answer;
  }
  return answers;
}

/** Type and key, of the key's file or of what ssh-keyscan and known_hosts have: a name in front, comments, other keys. */
function hostKey(answer: string): string {
  for (const line of answer.split(/\r?\n/).map((each) => each.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const checked = parseHostKey(line);
    if (checked.ok) return checked.value;
    const mend = checked.faults[0]?.mend;
    if (mend !== undefined) return mend;
  }
  throw new NewDomainError(
    "The host's key is not an Ed25519 public key. Nothing was changed. Run the command again with the line that this command prints " +
      "on the host: cat /etc/ssh/ssh_host_ed25519_key.pub",
  );
}
