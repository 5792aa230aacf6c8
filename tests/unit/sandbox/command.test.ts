import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

import ssh2 from "ssh2";

import { runCommand } from "../../../sandbox/engine/command";
import { opensshForm } from "../../../sandbox/engine/ssh-client";
import { sshKeyPair } from "../../../sandbox/host/ssh-key";
import { type SshServer, startSshServer } from "../../../sandbox/host/ssh-server";
import { temporaryFolder, type TemporaryFolder } from "../../../sandbox/temporary";

const hostKey = sshKeyPair();
const userKey = sshKeyPair();
const USER = "mail";

let home: TemporaryFolder;
let server: SshServer;
beforeAll(async () => {
  home = temporaryFolder();
  server = await startSshServer({
    ...{ hostKey: hostKey.private, user: USER, authorizedKey: userKey.public },
    ...{ home: home.path, path: [join(home.path, "bin")] },
  });
});
afterAll(async () => {
  await server.close();
  home.remove();
});

const connection = (changes: object = {}) => ({
  ...{ host: "127.0.0.1", port: server.port, user: USER, privateKey: userKey.private, hostKey: hostKey.public },
  ...{ dialErrorLimit: 0, perDialTimeout: 5, ...changes },
});
const run = (changes: object, step: "create" | "update" | "delete" = "create", before = {}) =>
  runCommand(step, { connection: connection(), create: "bash -s", addPreviousOutputInEnv: false, ...changes }, before);

describe("a remote command in the sandbox", () => {
  it("runs in the user's home, with what it gets on standard input and the host's PATH in front", async () => {
    const { stdout, stderr } = await run({ stdin: 'echo "$HOME $USER ${PATH%%:*}"; echo oops >&2' });
    expect(stdout).toBe(`${home.path} ${USER} ${home.path}/bin`);
    expect(stderr).toBe("oops");
  });

  it("fails with the exit code, the command and all output, and never with its standard input", async () => {
    const failure = run({ stdin: "echo said; echo warned >&2; : hidden; exit 7" });
    await expect(failure).rejects.toThrow(
      /^Process exited with status 7: running "bash -s":\n(said\nwarned|warned\nsaid)\n$/,
    );
    await expect(run({ stdin: "kill -TERM $$" })).rejects.toThrow("Process exited with status 143 from signal TERM");
  });

  it("passes a large standard input whole", async () => {
    const stdin = `cat > big <<'END'\n${"0123456789abcde\n".repeat(200_000)}END\nwc -c < big\n`;
    expect((await run({ stdin }))["stdout"]).toBe("3200000");
  });

  it("runs create again for an update without update, and nothing for a delete without delete", async () => {
    expect(await run({ stdin: "echo again" }, "update")).toMatchObject({ stdout: "again" });
    expect(await run({ update: "echo other" }, "update")).toMatchObject({ stdout: "other" });
    expect(await run({ stdin: "touch deleted" }, "delete", { stdout: "kept" })).toMatchObject({ stdout: "kept" });
    expect(existsSync(join(home.path, "deleted"))).toBe(false);
  });

  it("refuses another host's key, and takes any host when none is named", async () => {
    const other = sshKeyPair().public;
    await expect(run({ connection: connection({ hostKey: other }) })).rejects.toThrow(
      "after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch",
    );
    expect(await run({ connection: connection({ hostKey: undefined }), create: "echo in" })).toMatchObject({
      stdout: "in",
    });
  });

  it("lets in nobody else", async () => {
    const other = sshKeyPair().private;
    await expect(run({ connection: connection({ privateKey: other }) })).rejects.toThrow("unable to authenticate");
    await expect(run({ connection: connection({ user: "root" }) })).rejects.toThrow("unable to authenticate");
  });

  it("says where nobody listens, after as many attempts as it is told", async () => {
    const { port } = server;
    await server.pause();
    await expect(run({ connection: connection({ dialErrorLimit: 2 }) })).rejects.toThrow(
      `after 2 failed attempts: dial tcp 127.0.0.1:${port}: connect: connection refused`,
    );
    await server.resume();
    expect(await run({ create: "echo back" })).toMatchObject({ stdout: "back" });
  });

  it("ends what runs when the server ends, and its children", async () => {
    const running = run({ stdin: "sleep 60 & echo $! > pid; wait" });
    const failed = expect(running).rejects.toThrow(/KILL|without exit status/);
    for (let i = 0; i < 100 && !existsSync(join(home.path, "pid")); i += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await server.pause();
    await failed;
    await server.resume();
  });

  it("takes a key in PKCS #8, as Go does", () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const parsed = ssh2.utils.parseKey(opensshForm(privateKey.export({ type: "pkcs8", format: "pem" }).toString()));
    expect(parsed).not.toBeInstanceOf(Error);
    const data = Buffer.from("signed");
    const signature = (parsed as ssh2.ParsedKey).sign(data);
    expect((parsed as ssh2.ParsedKey).verify(data, signature)).toBe(true);
  });
});
