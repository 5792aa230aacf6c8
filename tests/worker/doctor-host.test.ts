import { HOME_BREAKS } from "../doctor/breaks";
import { testBreaks, withLab } from "../doctor/judge";

testBreaks(withLab(), HOME_BREAKS);
