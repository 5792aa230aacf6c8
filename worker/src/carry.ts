import { attempt } from "./attempt";
import type { Attempt, Home, Outcome } from "./attempt";
import { attemptByLmtp } from "./lmtp/attempt";
import type { LmtpHome } from "./lmtp/attempt";

/** Home, whichever way the deployment has chosen. */
export type AnyHome = Home | LmtpHome;

/** Everything that one attempt works on and with, save home. */
export interface Parcel extends Omit<Attempt, "home"> {
  /** Envelope sender; empty for the null reverse-path. */
  readonly from: string;
}

/** Carries one message home. Never throws. */
export async function carry(home: AnyHome, parcel: Parcel): Promise<Outcome> {
  return await ("open" in home ? attemptByLmtp({ ...parcel, home }) : attempt({ ...parcel, home }));
}
