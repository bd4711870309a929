import { z } from "zod";

import { placeholdersIn } from "./pack.ts";
import { referenceIn } from "./placeholders.ts";
import { didYouMean } from "./suggest.ts";

/** What `${…}` can stand for in a message's template: the parts of a message, and where they lead. */
export const TEMPLATE_VARIABLES = [
  "summary",
  "steps",
  "handles",
  "links",
  "footer",
  "dashboardUrl",
  "serviceUrl",
  "runbookUrl",
] as const;

/** How the message of every monitor is put together. */
export const messageTemplate = z
  .string()
  .max(8_000)
  .superRefine((template, context) => {
    const used = placeholdersIn(template);
    const named = referenceIn(template)?.all;
    const wrong = used.find((name) => !(TEMPLATE_VARIABLES as readonly string[]).includes(name));
    if (wrong !== undefined) {
      const hint = didYouMean(wrong, TEMPLATE_VARIABLES) || `; there are ${TEMPLATE_VARIABLES.join(", ")}`;
      context.addIssue({
        code: "custom",
        message: `must not hold \${${wrong}}, which stands for nothing${hint}`,
      });
    } else if (named !== undefined) {
      context.addIssue({ code: "custom", message: `must not hold ${named}, which names another object` });
    } else if (!used.includes("handles")) {
      context.addIssue({ code: "custom", message: "must hold ${handles}, or nobody would be told" });
    }
  });

/** What stands in a message without a template of one's own. */
export const DEFAULT_TEMPLATE = "${summary}\n\n${steps}\n\n${handles}\n\n${links}\n\n${footer}";
