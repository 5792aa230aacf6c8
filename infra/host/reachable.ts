import { connect } from "node:net";

import type { Settings } from "../settings/settings";

/** How long the host has for its first line. */
const PATIENCE_MS = 3000;

/** RFC 4253 section 4.2: lines may come before the version, which begins so. */
const SSH_VERSION = /^SSH-(2\.0|1\.99)-/m;
/** More than that before the version is no SSH server. */
const BANNER_BYTES = 8192;

/**
 * Asks whether an SSH server answers at the host's address. Undefined: yes. Otherwise a warning with address, port, what
 * follows from it and what to check. Never throws.
 */
export async function hostReachable(host: Pick<Settings["host"], "address" | "port">): Promise<string | undefined> {
  const fault = await sshFault(host);
  if (fault === undefined) return undefined;
  return (
    `The docker host does not answer by SSH at ${host.address}, port ${host.port}: ${fault}. ` +
    "What changes on the host will fail; DNS and edge go on without it, and inbound mail stays as it was. " +
    `Check that the machine is up and its sshd runs (on it: systemctl status ssh), that this machine reaches it ` +
    `(ssh -p ${host.port} ${host.address}), and mail:hostAddress and mail:hostPort.`
  );
}

function sshFault({ address, port }: Pick<Settings["host"], "address" | "port">): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect({ host: address, port });
    const end = (fault: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(fault);
    };
    const timer = setTimeout(
      () => end(socket.connecting ? `no connection within ${PATIENCE_MS / 1000} s` : "it says nothing"),
      PATIENCE_MS,
    );
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      received += text;
      if (SSH_VERSION.test(received)) end(undefined);
      else if (received.length > BANNER_BYTES) end("what answers there is no SSH server");
    });
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on("end", () => end(received === "" ? "it hangs up at once" : "what answers there is no SSH server"));
  });
}
