import { ImapClient } from "../cyrus/imap";
import { PASSWORD, startCyrus } from "../cyrus/server";
import { USER } from "./judge";
import type { Judge } from "./judge";

/** Cyrus with the mailboxes of one user and that Sieve script. */
export async function startCyrusJudge(script: string): Promise<Judge> {
  const { imapPort, lmtpPort, sieve, close } = await startCyrus();
  try {
    await withUser(() => Promise.resolve());
    sieve(USER, script);
  } catch (error) {
    await close();
    throw error;
  }
  return { lmtpPort, read, close };

  async function read(name: string): Promise<readonly Buffer[]> {
    return await withUser(async (client) => {
      const count = await client.select(name);
      const messages: Buffer[] = [];
      for (let number = 1; number <= count; number += 1) messages.push((await client.fetch(number)).raw);
      return messages;
    });
  }

  async function withUser<T>(use: (client: ImapClient) => Promise<T>): Promise<T> {
    const client = await ImapClient.connect(imapPort);
    try {
      await client.login(USER, PASSWORD);
      return await use(client);
    } finally {
      await client.close();
    }
  }
}
