import { z } from "zod";

/** Names that become part of a path, a tag or a key. Nothing that could leave a folder, and nothing that Datadog rewrites in a tag. */
export const SLUG = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function isSlug(name: string): boolean {
  return SLUG.test(name);
}

export const slug = z.string().regex(SLUG, {
  error:
    "must be a name of letters, digits, dots, dashes and underscores, at most 100, that begins with a letter or digit",
});

/**
 * A value that Datadog keeps as it is when it stands in a tag.
 *
 * @see https://docs.datadoghq.com/getting_started/tagging/#define-tags
 */
export const tagValue = z.string().regex(/^[\p{Ll}\p{Lo}\p{N}][\p{Ll}\p{Lo}\p{N}_\-:./]{0,149}$/u, {
  error:
    "must be a tag value that Datadog keeps as it is: lower-case letters, digits, and _ - : . / after the first",
});

/** Tag keys that dd-observe sets itself. */
const OWN_TAG_KEYS = ["service", "env", "team", "cluster", "managed-by"];

export const tag = z
  .string()
  .regex(/^\p{L}[\p{L}\p{N}_\-./]{0,99}:[^\s,]{1,99}$/u, {
    error: "must be a tag of the form key:value without blanks or commas, such as cost-center:42",
  })
  .refine(
    (text) => !text.startsWith("dd-observe") && !OWN_TAG_KEYS.includes(text.slice(0, text.indexOf(":"))),
    {
      error: `must not be one of the tags that dd-observe sets itself (${OWN_TAG_KEYS.join(", ")}, dd-observe-…); env and team are fields of their own`,
    },
  );

export const handle = z.string().regex(/^@[A-Za-z0-9][^\s@,]{0,199}(@[A-Za-z0-9.-]+)?$/, {
  error:
    "must be a handle that Datadog notifies, such as @slack-ml, @pagerduty-infra or @someone@example.com",
});
