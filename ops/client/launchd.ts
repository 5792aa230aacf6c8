import { plist } from "../../worker/src/plist";
import type { ClientFile } from "./file";
import type { Forward } from "./local";

/** Homebrew's folders on Apple's and on Intel's processors, and the system's; launchd itself has only the last two. */
const PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin";
/** launchd's own default, written out: seconds between two starts. */
const THROTTLE_SECONDS = 10;

/** `ai.augustin.mail.imaps` */
export function launchdLabel(domain: string, { service }: Forward): string {
  return `${domain.split(".").reverse().join(".")}.mail.${service}`;
}

/** An agent of the user's session (launchd.plist(5)): only there can cloudflared open the browser to log in. */
export function launchdAgent(domain: string, forward: Forward): ClientFile {
  const label = launchdLabel(domain, forward);
  const content = plist({
    Label: label,
    ProgramArguments: ["/usr/bin/env", ...forward.command],
    EnvironmentVariables: { PATH },
    LimitLoadToSessionType: "Aqua",
    RunAtLoad: true,
    KeepAlive: true,
    ThrottleInterval: THROTTLE_SECONDS,
    ProcessType: "Background",
  });
  return { name: `${label}.plist`, content };
}
