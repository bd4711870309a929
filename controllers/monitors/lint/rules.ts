import type { Rule } from "./alert.ts";
import { assumedNames, averageOfCount, unitOfThreshold, unknownNames } from "./metric-rules.ts";
import {
  aggregatorByAnotherName,
  hyphenInName,
  leadingZero,
  missingAggregator,
  missingComparison,
  missingScope,
  missingTime,
  plainThreshold,
} from "./query-rules.ts";
import { handlesInMessage, handlesWithoutAt, mutes, ownTags } from "./text-rules.ts";
import {
  missingDataTwice,
  queryWins,
  recoveryOnTheWrongSide,
  warningOnTheWrongSide,
} from "./threshold-rules.ts";
import { compositeByName, deduceType, serviceCheckForm, typeByAnotherName } from "./type-rules.ts";

/** Every rule, in the order in which they are applied: each sees what those before it put right. */
export const RULES: readonly Rule[] = [
  typeByAnotherName,
  deduceType,
  compositeByName,
  serviceCheckForm,
  leadingZero,
  plainThreshold,
  missingComparison,
  missingTime,
  aggregatorByAnotherName,
  hyphenInName,
  missingScope,
  assumedNames,
  averageOfCount,
  unknownNames,
  missingAggregator,
  unitOfThreshold,
  queryWins,
  recoveryOnTheWrongSide,
  warningOnTheWrongSide,
  missingDataTwice,
  mutes,
  handlesInMessage,
  handlesWithoutAt,
  ownTags,
];
