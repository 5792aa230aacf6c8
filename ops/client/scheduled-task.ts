import { windowsArguments } from "../../infra/formats/windows";
import { xmlText } from "../../worker/src/plist";
import type { ClientFile } from "./file";
import type { Forward } from "./local";

/** Task Scheduler's namespace ([MS-TSCH] section 2.5). */
const NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task";
/** Well-known group of all users: the task runs in the session of whoever logs on, where a browser can open. */
const USERS = "S-1-5-32-545";
/** The most that the schema takes, an unsigned byte. */
const RESTARTS = 255;
/** Without a limit: the default ends a task after three days. */
const NO_LIMIT = "PT0S";

/** A task of Windows' Task Scheduler. In UTF-16 with a byte order mark, as `schtasks` exports and imports them. */
export function scheduledTask({ title, unit, command }: Forward): ClientFile {
  const [program = "", ...args] = command;
  const lines = [
    '<?xml version="1.0" encoding="UTF-16"?>',
    `<Task version="1.2" xmlns="${NAMESPACE}">`,
    "  <RegistrationInfo>",
    `    <Description>${xmlText(`Mail of ${title} through Cloudflare`)}</Description>`,
    "  </RegistrationInfo>",
    "  <Triggers>",
    "    <LogonTrigger><Enabled>true</Enabled></LogonTrigger>",
    "  </Triggers>",
    "  <Principals>",
    `    <Principal id="Author"><GroupId>${USERS}</GroupId><RunLevel>LeastPrivilege</RunLevel></Principal>`,
    "  </Principals>",
    "  <Settings>",
    "    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>",
    "    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>",
    "    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>",
    `    <ExecutionTimeLimit>${NO_LIMIT}</ExecutionTimeLimit>`,
    `    <RestartOnFailure><Interval>PT1M</Interval><Count>${RESTARTS}</Count></RestartOnFailure>`,
    "  </Settings>",
    '  <Actions Context="Author">',
    "    <Exec>",
    `      <Command>${xmlText(program)}</Command>`,
    `      <Arguments>${xmlText(windowsArguments(args))}</Arguments>`,
    "    </Exec>",
    "  </Actions>",
    "</Task>",
    "",
  ];
  return { name: `${unit}.xml`, content: Buffer.from(`\ufeff${lines.join("\r\n")}`, "utf16le") };
}
