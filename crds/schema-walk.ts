import { z } from "zod";

const refusedKeys = z.registry<Readonly<Record<string, string>>>();

/** Gives a mapping reasons of its own for names that it refuses: what the sentence says after the name. */
export function refuseKeys<Schema extends z.ZodObject>(
  schema: Schema,
  reasons: Readonly<Record<string, string>>,
): Schema {
  refusedKeys.add(schema, reasons);
  return schema;
}

/** Why a mapping refuses a name, if there is more to say than that it is unknown. */
export function whyRefused(schema: z.ZodType, name: string): string | undefined {
  const reasons = refusedKeys.get(unwrap(schema));
  return reasons !== undefined && Object.hasOwn(reasons, name) ? reasons[name] : undefined;
}

/** Takes off what only says optional, nullable or defaulted. */
export function unwrap(schema: z.ZodType): z.ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  )
    return unwrap(schema.unwrap() as z.ZodType);
  return schema;
}

/** The fields of a mapping, or of a union's branch that is one; undefined if there is none. */
export function fieldsOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return inner.shape;
  if (inner instanceof z.ZodUnion) {
    return inner.options
      .map((option) => fieldsOf(option as z.ZodType))
      .find((fields) => fields !== undefined);
  }
  return undefined;
}

/** What stands under a name: a field, a record's value or a list's entry. */
export function childSchema(schema: z.ZodType, name: string): z.ZodType | undefined {
  const fields = fieldsOf(schema);
  if (fields !== undefined) return Object.hasOwn(fields, name) ? fields[name] : undefined;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodRecord) return inner.valueType as z.ZodType;
  if (inner instanceof z.ZodArray) return inner.element as z.ZodType;
  return undefined;
}
