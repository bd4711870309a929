import { z } from "zod";

import type { Pack } from "./pack.ts";
import type { Problem } from "./problem.ts";

/** The tag `agent` of what is spent by all agents of a service together. */
export const ALL_AGENTS = "all";

const PERIODS = ["daily", "monthly"] as const;
/** `daily`: from midnight on, `monthly`: from the first of the month on, both in UTC. */
export type BudgetPeriod = (typeof PERIODS)[number];

const dollars = z.number().min(0.01).max(1_000_000_000);

const limits = z
  .strictObject({
    daily: dollars.meta({ description: "US dollars for a day of UTC.", examples: [50] }),
    monthly: dollars.meta({ description: "US dollars for a month of UTC.", examples: [1000] }),
  })
  .partial();

/** As the preload and the contract of `ai.agent.*` write an agent's name into the tag `agent`. */
const agentName = z
  .string()
  .regex(/^[a-z0-9_./-]{1,100}$/, {
    error: "must be the value of the tag agent: lower case letters, digits and _ . / -",
  })
  .refine((name) => name !== ALL_AGENTS, { error: `can't be ${ALL_AGENTS}, which stands for all agents` });

/** What stands under `budget`: what the calls of models may cost. */
export const budgetLayer = limits.extend({
  agents: z
    .record(agentName, limits)
    .optional()
    .meta({
      description: "The same for single agents, by the value of their tag `agent`.",
      examples: [{ researcher: { daily: 10 } }],
    }),
});
export type BudgetLayer = z.infer<typeof budgetLayer>;

/** One limit of a budget. */
export interface BudgetLimit {
  /** Value of the tag `agent`; `ALL_AGENTS` for the service as a whole. */
  readonly agent: string;
  readonly period: BudgetPeriod;
  readonly dollars: number;
}

/** Every limit of a budget, the service's own first. */
export function limitsOf(budget: BudgetLayer): readonly BudgetLimit[] {
  const named: readonly (readonly [string, z.infer<typeof limits>])[] = [
    [ALL_AGENTS, budget],
    ...Object.entries(budget.agents ?? {}),
  ];
  return named.flatMap(([agent, one]) =>
    PERIODS.flatMap((period) => {
      const limit = one[period];
      return limit === undefined ? [] : [{ agent, period, dollars: limit }];
    }),
  );
}

/** What an option of a pack can be given by a wish's budget. */
export const BUDGET_SOURCES = ["budget", "budget.daily", "budget.monthly"] as const;

/**
 * The value of an option that a budget gives: of a boolean whether there is such a limit, for the service or for one
 * of its agents; of a number the service's own limit in US dollars.
 */
export function budgetOption(
  budget: BudgetLayer,
  source: (typeof BUDGET_SOURCES)[number],
  type: string,
): boolean | number | undefined {
  const [, period] = source.split(".");
  const own = limitsOf(budget).filter((limit) => period === undefined || limit.period === period);
  if (type === "boolean") return own.length > 0;
  return own.find(({ agent }) => agent === ALL_AGENTS)?.dollars;
}

/** True if a pack does something with a budget. */
export function takesBudget({ options }: Pick<Pack, "options">): boolean {
  return Object.values(options).some(({ wish }) => wish !== undefined);
}

/** What is wrong with a budget, which its schema can't say. */
export function checkBudget(service: string, budget: BudgetLayer, pack: Pack): readonly Problem[] {
  if (Object.keys(budget).length > 0 && !takesBudget(pack)) {
    const message = `budget means nothing to pack ${pack.name}, which has no metric of cost to hold it against`;
    return [{ owner: service, reason: "UnknownField", path: "budget", message }];
  }
  const named: readonly (readonly [string, z.infer<typeof limits>])[] = [
    ["budget", budget],
    ...Object.entries(budget.agents ?? {}).map(([name, one]) => [`budget.agents.${name}`, one] as const),
  ];
  return named.flatMap(([at, { daily, monthly }]) => {
    if (daily === undefined || monthly === undefined || daily <= monthly) return [];
    const path = `${at}.daily`;
    const message = `${path} is ${daily}, more than the ${monthly} of the whole month`;
    return [{ owner: service, reason: "InvalidValue", path, message }];
  });
}
