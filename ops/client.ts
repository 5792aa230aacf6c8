/** `npm run client`: settings for mail clients. */
import { StackFileError } from "../infra/settings/stack-file";
import { ownAddress } from "../infra/settings/mailbox";
import type { Answer } from "./client/answer";
import { type Asked, argumentsOf, USAGE } from "./client/arguments";
import { writeFiles } from "./client/file";
import { iphoneAnswer } from "./client/iphone";
import { laptopAnswer } from "./client/laptop";
import { type ClientSettings, clientSettings } from "./client/settings";
import { sheetAnswer } from "./client/sheet";
import { SigningError } from "./client/sign";
import { crash, print, warn } from "./output";

/** What the operator can mend. */
class Refused extends Error {}

async function main(argv: readonly string[]): Promise<number> {
  const asked = argumentsOf(argv);
  if (asked === "help") {
    print(USAGE);
    return 0;
  }
  if ("fault" in asked) {
    warn(`${asked.fault}\n\n${USAGE}`);
    return 2;
  }
  try {
    const settings = clientSettings(asked.stack);
    const address = addressOf(asked, settings);
    const answer = await answerOf(asked, settings, address);
    const written = writeFiles(asked.out, answer.files);
    if (asked.isJson) {
      const report = { stack: asked.stack, address, ...answer.json, files: written };
      print(`${JSON.stringify(report, undefined, 2)}\n`);
      return 0;
    }
    const lines = written.map(({ path, changed }) => `${changed ? "written" : "as it was"}  ${path}\n`);
    print(`${answer.text}\n${lines.join("")}`);
    return 0;
  } catch (error) {
    if (!isExpected(error)) throw error;
    warn(`${error.message}\n`);
    return 1;
  }
}

function addressOf({ address: asked }: Asked, { primaryAddress, domain }: ClientSettings): string {
  if (asked === undefined) return primaryAddress;
  const address = ownAddress(asked, domain);
  if (address !== undefined) return address;
  throw new Refused(
    `--address ${asked} is no address of ${domain}, so no client could log in with it. Name one that ends in @${domain}.`,
  );
}

async function answerOf(asked: Asked, settings: ClientSettings, address: string): Promise<Answer> {
  const answer =
    asked.what === "laptop"
      ? laptopAnswer(settings, address, asked.system, asked.out)
      : asked.what === "iphone"
        ? await iphoneAnswer(settings, address, asked)
        : sheetAnswer(settings, address);
  if (answer) return answer;
  const hostStack = settings.hostStack ?? asked.stack;
  throw new Refused(
    asked.what === "laptop"
      ? `The stack ${hostStack} offers nothing over the TCP tunnel, so there is nothing to connect to. Offer it: ` +
          `pulumi config set --path 'mail:clientTcp[0]' imaps --stack ${hostStack}`
      : `The stack ${asked.stack} offers no service that clients can use. See mail:services in docs/reference.md.`,
  );
}

function isExpected(error: unknown): error is Error {
  const isFile = error instanceof Error && "code" in error && "path" in error;
  return error instanceof Refused || error instanceof StackFileError || error instanceof SigningError || isFile;
}

void main(process.argv.slice(2)).then((code) => (process.exitCode = code), crash);
