import { conditionsOf, type Condition, type Needs } from "./condition.ts";
import { fault, type PackFault, type PackFile } from "./pack-fault.ts";
import type { Pack } from "./pack.ts";
import { didYouMean } from "./suggest.ts";

/** Conditions over options that the pack doesn't have, or over values that an option never has. */
export function needsFaults(pack: Pack): readonly PackFault[] {
  return [...needsIn(pack)].flatMap(([file, path, needs]) =>
    conditionsOf(needs).flatMap((condition) => {
      const wrong = wrongCondition(condition, pack);
      return wrong === undefined ? [] : [fault(file, path, wrong)];
    }),
  );
}

type Place = readonly [file: PackFile, path: string, needs: Needs | undefined];

function* needsIn(pack: Pack): Generator<Place> {
  yield ["pack.yaml", "checkNeeds", pack.checkNeeds];
  for (const field of ["keyMetrics", "serviceChecks", "receivers", "expects", "setup"] as const)
    for (const [at, { needs }] of pack[field].entries()) yield ["pack.yaml", `${field}.${at}.needs`, needs];
  for (const { needs } of pack.probes) yield ["pack.yaml", "probe", needs];
  for (const [name, { needs }] of Object.entries(pack.polls))
    yield ["pack.yaml", `polls.${name}.needs`, needs];
  for (const kind of ["monitors", "slos"] as const)
    for (const [name, { needs }] of Object.entries(pack[kind]))
      yield [`${kind}.yaml`, `${name}.needs`, needs];
  for (const [name, { needs, widgets }] of Object.entries(pack.dashboards)) {
    yield ["dashboards.yaml", `${name}.needs`, needs];
    for (const [at, widget] of widgets.entries())
      yield ["dashboards.yaml", `${name}.widgets.${at}.needs`, widget.needs];
  }
  for (const [name, { needs }] of Object.entries(pack.metrics.metrics))
    yield ["metrics.yaml", `metrics.${name}.needs`, needs];
}

function wrongCondition({ option: name, value }: Condition, { options }: Pack): string | undefined {
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (option === undefined)
    return `names no option of the pack: ${name}${didYouMean(name, Object.keys(options))}`;
  if (value === undefined) return undefined;
  const possible =
    option.type === "boolean" ? ["true", "false"] : option.type === "choice" ? option.values : undefined;
  if (possible !== undefined && !possible.includes(value))
    return `asks whether ${name} is ${value}, which it never is; it is ${possible.join(" or ")}`;
  const isNumber = option.type === "integer" || option.type === "number";
  return isNumber && !Number.isFinite(Number(value))
    ? `asks whether ${name} is ${value}, but it is a number`
    : undefined;
}
