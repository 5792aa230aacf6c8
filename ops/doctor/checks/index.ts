import type { Check } from "../check";
import { type Deployment, hasHost, type HostDeployment } from "../context";
import { accessChecks } from "./access";
import { backupChecks } from "./backup";
import { bucketChecks } from "./bucket";
import { caaChecks } from "./caa";
import { canaryChecks } from "./canary";
import { delegationChecks } from "./delegation";
import { dnssecChecks } from "./dnssec";
import { edgeChecks } from "./edge";
import { exchangeChecks } from "./exchange";
import { hostChecks } from "./host";
import { mtaStsChecks } from "./mta-sts";
import { nameChecks } from "./names";
import { policyChecks } from "./policy";
import { recordChecks } from "./records";
import { serverChecks } from "./server";
import { stalwartChecks } from "./stalwart";
import { tunnelChecks } from "./tunnel";
import { webChecks } from "./web";
import { workerChecks } from "./workers";

/** Every check of a deployment, as data: which exist depends on nothing but its settings and records. */
export function checksOf(deployment: Deployment): readonly Check[] {
  return AREAS_OF_CHECKS.flatMap((area) => area(deployment));
}

/** What another stack has is looked at there. */
function ofHost(area: (deployment: HostDeployment) => readonly Check[]) {
  return (deployment: Deployment) => (hasHost(deployment) ? area(deployment) : []);
}

/** One file per area, one line each. */
const AREAS_OF_CHECKS: readonly ((deployment: Deployment) => readonly Check[])[] = [
  delegationChecks,
  dnssecChecks,
  recordChecks,
  policyChecks,
  caaChecks,
  mtaStsChecks,
  nameChecks,
  ofHost(serverChecks),
  webChecks,
  exchangeChecks,
  edgeChecks,
  workerChecks,
  ofHost(accessChecks),
  bucketChecks,
  ofHost(tunnelChecks),
  ofHost(hostChecks),
  ofHost(stalwartChecks),
  ofHost(backupChecks),
  ofHost(canaryChecks),
];
