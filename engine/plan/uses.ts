import { keyOf, type Action, type ObservedObject, type Plan, type Withheld } from "./plan.ts";
import type { References } from "./references.ts";

/** An object that the other system doesn't delete while another one uses it: a monitor that an SLO measures. */
export interface Use {
  /** The controller that keeps the object. */
  readonly controller: string;
  /** How the other system names it. */
  readonly ref: string;
}

type UsesOfObjects = Iterable<readonly [key: string, uses: readonly Use[]]>;

/** Where each controller's objects are asked what they use. */
export class Uses {
  readonly #sources = new Map<string, () => UsesOfObjects>();

  provide(controller: string, source: () => UsesOfObjects): void {
    this.#sources.set(controller, source);
  }

  /**
   * What uses objects of one controller beside its own, by the ref of what is used. Worked out at each
   * call, as only deletes ask for it.
   */
  usersOf(controller: string): ReadonlyMap<string, { readonly controller: string; readonly key: string }> {
    const users = new Map<string, { readonly controller: string; readonly key: string }>();
    for (const [name, source] of this.#sources) {
      if (name === controller) continue;
      for (const [key, uses] of source())
        for (const use of uses)
          if (use.controller === controller) users.set(use.ref, { controller: name, key });
    }
    return users;
  }
}

export interface UsesGround<Body> {
  readonly controller: {
    readonly name: string;
    readonly target: { uses?(body: Body): readonly Use[] };
  };
  /** Without it, no other controller's objects use anything of this one. */
  readonly references: References | undefined;
  /** By key. */
  readonly observed: ReadonlyMap<string, ObservedObject<Body>>;
}

/**
 * Takes deletes out of a plan whose objects are still used by others of ours: the other system would refuse them.
 * They come when what uses them is gone, or uses something else.
 *
 * The last step of planning, so that the brake counts them all the same.
 */
export function awaitUsers<Body>(plan: Plan<Body>, ground: UsesGround<Body>): Plan<Body> {
  if (!plan.actions.some(({ type }) => type === "delete")) return plan;
  const { name } = ground.controller;
  const others = ground.references?.uses.usersOf(name);
  const unsettled = ground.references?.unsettledBeside(name);
  const whyUsed = (ref: string, own: ReadonlyMap<string, string>): string | undefined => {
    const other = others?.get(ref);
    const user = own.get(ref) ?? (other === undefined ? undefined : `${other.key} in ${other.controller}`);
    if (user !== undefined) return `${user} uses it; it goes by itself when nothing of ours uses it any more`;
    return unsettled === undefined
      ? undefined
      : `it is not known yet whether anything in ${unsettled} uses it`;
  };

  let result = plan;
  // What stays keeps what it uses itself.
  for (let before = -1; before !== result.withheld.length;) {
    before = result.withheld.length;
    const own = ownUsers(result, ground);
    result = withheld(result, (ref) => whyUsed(ref, own));
  }
  return result;
}

function withheld<Body>(plan: Plan<Body>, whyUsed: (ref: string) => string | undefined): Plan<Body> {
  const actions: Action<Body>[] = [];
  const kept: Withheld<Body>[] = [];
  for (const action of plan.actions) {
    const message = action.type === "delete" ? whyUsed(action.observed.ref) : undefined;
    if (message === undefined) actions.push(action);
    else kept.push({ action, reason: "InUse", message });
  }
  return kept.length === 0 ? plan : { ...plan, actions, withheld: [...plan.withheld, ...kept] };
}

/** Keys of this controller's objects by the refs that they use once the plan is done. What is deleted with it goes first, by its rank. */
function ownUsers<Body>(
  plan: Plan<Body>,
  { controller: { name, target }, observed }: UsesGround<Body>,
): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  if (target.uses === undefined) return users;
  const actions = new Map(plan.actions.map((action) => [keyOf(action), action]));
  for (const { key, body } of observed.values()) {
    const action = actions.get(key);
    if (action?.type === "delete") continue;
    for (const { controller, ref } of target.uses(action?.desired.body ?? body))
      if (controller === name) users.set(ref, key);
  }
  return users;
}
