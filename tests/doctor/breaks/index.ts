import type { Break } from "../break";
import { ACCESS } from "./access";
import { BACKUP } from "./backup";
import { CANARY } from "./canary";
import { DELEGATION } from "./delegation";
import { EDGE } from "./edge";
import { MACHINE } from "./host";
import { POLICY } from "./policy";
import { RECORDS } from "./records";
import { SPOOLED } from "./spool";
import { STALWART } from "./stalwart";
import { TUNNELS } from "./tunnel";
import { WEB } from "./web";

/** What breaks the internet around the documented deployment. */
export const PUBLIC_BREAKS: readonly Break[] = [...DELEGATION, ...RECORDS, ...POLICY, ...WEB];
/** What breaks its account. */
export const ACCOUNT_BREAKS: readonly Break[] = [...EDGE, ...ACCESS, ...SPOOLED, ...TUNNELS];
/** What breaks its home. */
export const HOME_BREAKS: readonly Break[] = [...MACHINE, ...STALWART, ...BACKUP, ...CANARY];
