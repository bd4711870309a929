import { frozenUntil, type Frozen, type FreezeWindow } from "../../crds/freeze.ts";
import type { Resolution } from "../../crds/resolve.ts";

/** What a snapshot says of freezes. */
export interface FreezeGround {
  readonly services: ReadonlyMap<string, Resolution>;
  /** Of whoever has no wish that can be read: the windows of `_defaults`. */
  readonly freeze?: readonly FreezeWindow[] | "unreadable";
}

const NONE: readonly FreezeWindow[] = [];

/** It is not known when such a freeze ends, nor whether there is one at all. */
const UNKNOWN: Frozen = {
  untilMs: Infinity,
  reason: "_defaults can't be read, so it is not known what it freezes",
};

/** Tells whose objects are frozen now, until when and why. Looks at every list of windows once. */
export function frozenNow(
  { services, freeze = NONE }: FreezeGround,
  now: number,
): (owner: string) => Frozen | undefined {
  const known = new Map<readonly FreezeWindow[], Frozen | undefined>();
  return (owner) => {
    const resolution = services.get(owner);
    const windows = resolution === undefined || resolution.state === "held" ? freeze : resolution.wish.freeze;
    if (windows === "unreadable") return UNKNOWN;
    if (windows.length === 0) return undefined;
    if (!known.has(windows)) known.set(windows, frozenUntil(windows, now));
    return known.get(windows);
  };
}
