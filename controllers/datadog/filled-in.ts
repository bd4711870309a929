import { textsIn } from "../../crds/placeholders.ts";
import type { Problem } from "../../crds/problem.ts";

/** Texts that people wrote in Datadog and that look like one of our placeholders: a document would have them filled in. */
export function filledIn(owner: string, value: unknown): readonly Problem[] {
  return textsIn(value).flatMap(([path, text]) => {
    const found = /\$\{[A-Za-z][^{}]*\}/.exec(text);
    if (found === null) return [];
    const message = `${path} holds ${found[0]}, which dd-observe would fill in; write it otherwise in Datadog first`;
    return [{ owner, reason: "InvalidPlaceholder", path, message }];
  });
}
