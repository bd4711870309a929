import { z } from "zod";

/** Names that become part of a path, a tag or a key. Nothing that could leave a folder, and nothing that Datadog rewrites in a tag. */
export const SLUG = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function isSlug(name: string): boolean {
  return SLUG.test(name);
}

/** A name that a text comes to: `Load is high (prod)` → `load-is-high-prod`. @param otherwise If nothing is left of it. */
export function slugOf(text: string, otherwise: string): string {
  const found = text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 80)
    .replace(/-+$/, "");
  return found === "" ? otherwise : found;
}

/** True for a name that belongs to no service: `_defaults`, `_monitors/disk-full`. A slug never begins so. */
export function isReserved(name: string): boolean {
  return name.startsWith("_");
}

/** How a sentence calls what a name stands for. */
export function subjectOf(name: string): "the document" | "the service" {
  return isReserved(name) ? "the document" : "the service";
}

export const slug = z.string().regex(SLUG, {
  error:
    "must be a name of letters, digits, dots, dashes and underscores, at most 100, that begins with a letter or digit",
});

/** Tag keys that dd-observe or the Agent sets itself. `host` would book what is measured to another machine. */
const OWN_TAG_KEYS = ["service", "env", "team", "cluster", "managed-by", "host"];

function isOwnTag(text: string): boolean {
  const lower = text.toLowerCase();
  return lower.startsWith("dd-observe") || OWN_TAG_KEYS.includes(lower.slice(0, lower.indexOf(":")));
}

/** Control characters, halves of characters, line ends, and marks that turn the direction of writing round. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/**
 * Says what is wrong with a text that the Agent would replace by something secret, or undefined:
 * `%%env_DD_API_KEY%%` in a plain file is filled in from the Agent's environment, `ENC[…]` from its secret backend.
 *
 * @see https://docs.datadoghq.com/agent/configuration/secrets-management/
 */
export function forbiddenText(text: string): string | undefined {
  if (text.includes("%%"))
    return "must not contain %%: the Agent would replace it by values of its own environment";
  if (/ENC\s*\[/i.test(text)) return "must not contain ENC[: the Agent would replace it by a secret";
  // oxlint-disable-next-line no-control-regex -- refusing control characters is the point
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) return "must not contain control characters";
  return undefined;
}

/** The same for a text that people wish: it stands on one line, and `${…}` is for packs alone. */
export function wrongWishText(text: string): string | undefined {
  const forbidden = forbiddenText(text);
  if (forbidden !== undefined) return forbidden;
  if (UNPRINTABLE.test(text)) return "must not contain control characters";
  if (/\.\.[/\\]/.test(text)) return "must not contain ../, which leaves a folder";
  return text.includes("${") ? "must not contain ${: only packs fill in values" : undefined;
}

/** Adds {@link wrongWishText} to a schema, with its own words. */
export function harmless(schema: z.ZodString): z.ZodString {
  return schema.refine((text) => wrongWishText(text) === undefined, {
    error: (issue) => wrongWishText(String(issue.input)) ?? "is not allowed",
  });
}

export const tag = harmless(
  z.string().regex(/^\p{L}[\p{L}\p{N}_\-./]{0,99}:[^\s,]{1,99}$/u, {
    error: "must be a tag of the form key:value without blanks or commas, such as cost-center:42",
  }),
).refine((text) => !isOwnTag(text), {
  error: `must not be one of the tags that dd-observe or the Agent sets itself (${OWN_TAG_KEYS.join(", ")}, dd-observe-…); env and team are fields of their own`,
});

/**
 * A value that Datadog keeps as it is when it stands in a tag.
 *
 * @see https://docs.datadoghq.com/getting_started/tagging/#define-tags
 */
export const tagValue = harmless(
  z.string().regex(/^[\p{Ll}\p{Lo}\p{N}][\p{Ll}\p{Lo}\p{N}_\-:./]{0,149}$/u, {
    error:
      "must be a tag value that Datadog keeps as it is: lower-case letters, digits, and _ - : . / after the first",
  }),
);

export const handle = z
  .string()
  .regex(/^@[A-Za-z0-9][^\s@,\p{Cc}]{0,199}(@[A-Za-z0-9.-]+)?$/u, {
    error:
      "must be a handle that Datadog notifies, such as @slack-ml, @pagerduty-infra or @someone@example.com",
  })
  .refine((text) => !text.includes("${"), { error: "must not contain ${: only packs fill in values" });
