import { checkGlobalMonitor } from "./checks.ts";
import { CLOSING_SECTIONS } from "./dashboard.ts";
import { GLOBAL_FOLDERS, type GlobalDashboard, type GlobalSlo, type GlobalWish } from "./global.ts";
import { checkHandles } from "./handles.ts";
import { checkDefinition, checkDowntime, dashboardMentions, downtimeMentions } from "./object-checks.ts";
import { checkNomad } from "./nomad.ts";
import type { Pack } from "./pack.ts";
import { GLOBAL_OBJECT_VARIABLES } from "./placeholders.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import { checkSlo } from "./slo-check.ts";
import { didYouMean } from "./suggest.ts";

interface CheckGround {
  readonly policy: Policy;
  readonly packs: ReadonlyMap<string, Pack>;
}

/** What a document of no service asks for that can't be, or that the operator's policy doesn't allow. */
export function checkGlobal(wish: GlobalWish, { policy, packs }: CheckGround): readonly Problem[] {
  switch (wish.kind) {
    case "monitor":
      return checkGlobalMonitor(wish, policy);
    case "slo":
      return [...forbidden(wish, policy), ...checkGlobalSlo(wish)];
    case "dashboard":
      return [...forbidden(wish, policy), ...checkGlobalDashboard(wish, { policy, packs })];
    case "downtime":
      return [
        ...forbidden(wish, policy),
        ...checkDowntime(wish.key, "", wish.downtime),
        ...checkHandles(wish.key, downtimeMentions("", wish.downtime), policy),
      ];
    case "nomad":
      return checkNomad(wish, policy);
    default:
      return wish satisfies never;
  }
}

function forbidden({ key, kind }: GlobalWish, policy: Policy): readonly Problem[] {
  const { many, allowed } = GLOBAL_FOLDERS.find((folder) => folder.kind === kind)!;
  if (policy[allowed]) return [];
  const message = `${many} of no service are not allowed by the operator's policy (${allowed})`;
  return [{ owner: key, reason: "NotAllowed", message }];
}

function checkGlobalSlo({ key, slo }: GlobalSlo): readonly Problem[] {
  // The document's schema wants a type.
  const type = slo.type ?? "metric";
  return checkSlo({ ...slo, type }, { owner: key, at: "", variables: GLOBAL_OBJECT_VARIABLES });
}

function checkGlobalDashboard(wish: GlobalDashboard, { policy, packs }: CheckGround): readonly Problem[] {
  const { key, name } = wish;
  const { definition, exclude } = wish.dashboard;
  if (definition !== undefined) {
    const path = "exclude";
    const message = "exclude tunes a composed dashboard; this document has a definition of its own";
    return [
      ...(exclude === undefined ? [] : [{ owner: key, reason: "InvalidValue", path, message }]),
      ...checkDefinition(key, "definition", definition, { variables: GLOBAL_OBJECT_VARIABLES }),
      ...checkHandles(key, dashboardMentions("definition", definition), policy),
    ];
  }
  const composed = [...packs.values()].flatMap((pack) => Object.entries(pack.dashboards));
  const sections = composed.filter(([dashboard]) => dashboard === name).map(([, { section }]) => section);
  if (sections.length === 0) {
    const names = new Set(composed.map(([dashboard]) => dashboard));
    const message = `no pack adds to a dashboard ${name}${didYouMean(name, names)} (a dashboard of your own needs a definition)`;
    return [{ owner: key, reason: "UnknownDashboard", message }];
  }
  const closing = Object.hasOwn(CLOSING_SECTIONS, name) ? CLOSING_SECTIONS[name] : undefined;
  if (closing !== undefined) sections.push(closing);
  return (exclude ?? []).flatMap((section, at): Problem[] => {
    if (sections.includes(section)) return [];
    const path = `exclude.${at}`;
    const hint = didYouMean(section, sections) || `; there are ${sections.join(", ")}`;
    const message = `${path}: the dashboard has no section ${section}${hint}`;
    return [{ owner: key, reason: "UnknownSection", path, message }];
  });
}
