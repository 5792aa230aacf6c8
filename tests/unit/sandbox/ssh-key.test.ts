import ssh2 from "ssh2";

import { parseHostKey } from "../../../infra/settings/ssh";
import { sshKeyPair } from "../../../sandbox/host/ssh-key";

it("makes keys that can be read, also those that begin with a zero (1 of 256)", () => {
  for (let drawn = 0; drawn < 2_000; drawn++) {
    const pair = sshKeyPair();
    expect(ssh2.utils.parseKey(pair.private)).not.toBeInstanceOf(Error);
    expect(parseHostKey(pair.public)).toHaveProperty("value");
  }
});
