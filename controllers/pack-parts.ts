import { holds, thoseThatHold, type OptionValues } from "../crds/condition.ts";
import { fillIn, fillInText, type NeedyName, type Variables } from "../crds/pack.ts";
import type { Expected, PackPoll, PackProbe, PackReceiver, SetupPart } from "../crds/pack-manifest.ts";
import type { Wish } from "../crds/resolve.ts";
import { effectiveOptions, optionVariables } from "./options.ts";
import { serviceVariables } from "./scope.ts";

/** As much of a wish as the parts of its pack follow from. */
type Wisher = Pick<Wish, "service" | "env" | "team" | "tags" | "pack" | "agent"> &
  Partial<Pick<Wish, "budget">>;

/** What a pack says of one service: only what its options let hold, with placeholders filled in. */
export interface PackParts {
  readonly options: OptionValues;
  /** What `${…}` stands for in texts that are filled in later, such as a poll's. */
  readonly variables: Variables;
  /** False if the Agent reads nothing of this service, so that no file is written. */
  readonly hasFile: boolean;
  readonly keyMetrics: readonly string[];
  readonly serviceChecks: readonly string[];
  readonly receivers: readonly PackReceiver["receiver"][];
  readonly setup: readonly Omit<SetupPart, "needs">[];
  /** What proves that an instance answers; its path is filled in. Undefined: the endpoint itself, in the OpenMetrics format. */
  readonly probe: Omit<PackProbe, "needs"> | undefined;
  readonly expects: readonly Omit<Expected, "needs">[];
  /** What the person can do, by what came back: unreachable, empty, or an HTTP status. */
  readonly hints: Readonly<Record<string, string>>;
  /** By name, with `${host}` and `${each}` still open. */
  readonly polls: ReadonlyMap<string, PackPoll>;
}

/** Works out what a service's pack says of it. Pure. */
export function packParts(wish: Wisher, clusterId: string): PackParts {
  const { pack } = wish;
  const base = serviceVariables(wish, clusterId);
  const options = effectiveOptions(wish, base);
  const variables = { ...base, ...optionVariables(wish, options) };
  const probe = pack.probes.find(({ needs }) => holds(needs, options));
  return {
    options,
    variables,
    hasFile: pack.check !== undefined && holds(pack.checkNeeds, options),
    keyMetrics: namesIn(pack.keyMetrics, options, variables),
    serviceChecks: namesIn(pack.serviceChecks, options, variables),
    receivers: thoseThatHold(pack.receivers, options).map(({ receiver }) => receiver),
    setup: thoseThatHold(pack.setup, options).map(({ title, text }) => ({
      ...(title === undefined ? {} : { title: fillInText(title, variables) }),
      text: fillInText(text, variables),
    })),
    probe:
      probe === undefined
        ? undefined
        : {
            format: probe.format,
            ...(probe.path === undefined ? {} : { path: fillInText(probe.path, variables) }),
          },
    expects: thoseThatHold(pack.expects, options).map(
      ({ needs: _needs, ...expected }) => fillIn(expected, variables) as Omit<Expected, "needs">,
    ),
    hints: fillIn(pack.hints, variables) as Readonly<Record<string, string>>,
    polls: new Map(Object.entries(pack.polls).filter(([, { needs }]) => holds(needs, options))),
  };
}

/** An option that is a list stands for all of its names. */
function namesIn(
  entries: readonly NeedyName[],
  options: OptionValues,
  variables: Variables,
): readonly string[] {
  const names = thoseThatHold(entries, options).flatMap(({ name }) => fillIn(name, variables));
  return [...new Set(names.filter((name) => typeof name === "string"))];
}
