import { PUBLIC_BREAKS } from "../doctor/breaks";
import { testBreaks, withLab } from "../doctor/judge";

testBreaks(withLab(), PUBLIC_BREAKS);
