import { ACCOUNT_BREAKS } from "../doctor/breaks";
import { testBreaks, withLab } from "../doctor/judge";

testBreaks(withLab(), ACCOUNT_BREAKS);
