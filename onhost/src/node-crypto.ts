import { lazily } from "./lazily";

/** Node's cryptography, loaded when it is used first: that takes 5 ms, and most commands need none before a server has answered. */
export const nodeCrypto = lazily(() => process.getBuiltinModule("node:crypto"));
