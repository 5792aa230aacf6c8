import type { Home } from "../../worker/src/attempt";
import { NOBODY_SAYS } from "../../worker/src/arrivals";
import type { Beside } from "../../worker/src/lmtp/attempt";
import { TransientError } from "../../worker/src/transient";

const unused = () => Promise.reject(new TransientError("nobody is asked here"));

/** What is beside an LMTP listener that stands alone. */
export const NOTHING_BESIDE: Beside = {
  arrived: NOBODY_SAYS,
  mailboxes: {
    find: unused,
    upload: unused,
    inbox: unused,
    import: unused,
    arrived: NOBODY_SAYS,
    forget: () => false,
  } satisfies Home,
};
