import type { z } from "zod";

import { ApiError } from "./errors.ts";

/**
 * Reads what Nomad answered.
 *
 * @throws {ApiError} of kind unavailable if it isn't of that shape.
 */
export function parseAnswer<T>(schema: z.ZodType<T>, body: string, tried: string): T {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw notNomad(tried, error);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw notNomad(tried, parsed.error);
  return parsed.data;
}

/** Something answers at Nomad's address, and it isn't Nomad. */
export function notNomad(tried: string, cause: unknown): ApiError {
  return new ApiError(tried, "an answer that is not Nomad's", {
    failure: "unavailable",
    cause,
    hint: "Set NOMAD_ADDR to Nomad's HTTP address; another program may answer at this one.",
  });
}
