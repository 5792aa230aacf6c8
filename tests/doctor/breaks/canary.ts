import type { Break } from "../break";

/** The mail that is sent and looked for on request. */
export const CANARY: readonly Break[] = [
  {
    id: "canary.sent",
    what: "a key that Resend refuses",
    status: "error",
    current: /^HTTP 401 of Resend$/,
    remedy: /rotate -- resend-key --stack prod$/,
    apply: (lab) => void (lab.resend = () => Promise.resolve(new Response(null, { status: 401 }))),
  },
  {
    id: "canary.arrived",
    what: "Resend takes it, and it never comes",
    status: "error",
    current: /^not there$/,
    remedy: /^npm run spool -- prod list/,
    apply: (lab) => void (lab.resend = () => Promise.resolve(Response.json({ id: "1" }))),
  },
];
