import { z } from "zod";

import { BUDGET_SOURCES } from "./budget.ts";

/** What a wish may set of a pack: an option of the Agent's check, or one that steers the pack alone. Everything that no pack names is refused. */
export const packOption = z.strictObject({
  option: z
    .string()
    .regex(/^[a-z][a-z0-9_]*$/)
    .optional()
    .meta({
      description:
        "Its name in the Agent's file. Without it the option steers the pack only: in `needs` and as ${option.<name>}.",
    }),
  type: z.enum(["boolean", "integer", "number", "text", "texts", "regexes", "choice"]),
  description: z.string().min(1),
  default: z.union([z.boolean(), z.number(), z.string(), z.array(z.string())]).optional(),
  required: z
    .boolean()
    .optional()
    .meta({ description: "True if the check can't do without it: the profile `minimal` writes it as well." }),
  min: z.number().optional(),
  max: z.number().optional(),
  pattern: z
    .string()
    .optional()
    .meta({ description: "Regular expression that a text, or each of a list, must match as a whole." }),
  values: z.array(z.string()).optional().meta({ description: "What a choice may be." }),
  wish: z.enum(BUDGET_SOURCES).optional().meta({
    description:
      "The field of the wish that gives its value, which `agent` then can't. A boolean says whether the field is there.",
  }),
  placement: z.literal("one").optional().meta({
    description:
      "It takes effect on one machine only, which dd-observe chooses among those that run the service; elsewhere it is left out of the file.",
  }),
});
export type PackOption = z.infer<typeof packOption>;

/** The options that `agent` can set: not those that another field of the wish gives. */
export function settableOptions({
  options,
}: {
  readonly options: Readonly<Record<string, PackOption>>;
}): readonly (readonly [string, PackOption])[] {
  return Object.entries(options).filter(([, { wish }]) => wish === undefined);
}

/** The option that every pack with a check has: how much of the pack's defaults is written. */
export const PROFILE = "profile";

export const PROFILE_OPTION: PackOption = {
  type: "choice",
  values: ["minimal", "recommended"],
  default: "recommended",
  description:
    "How much stands in the Agent's file: what the check requires and what you set (minimal), or the pack's defaults as well (recommended). What needs a default that is left out is left out, too.",
};
