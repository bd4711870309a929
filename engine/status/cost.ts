import { z } from "zod";

const seriesCost = z.object({
  metric: z.string(),
  /** Series that can be asked for, in the last hour; those are what custom metrics cost. */
  indexed: z.number().optional(),
  /** Series that arrive. */
  ingested: z.number().optional(),
  /** Series that there would be with the tags that documents keep. */
  asWished: z.number().optional(),
  /** Why nothing is known. */
  unknown: z.string().optional(),
});
/** How many series one metric has: of the whole organisation, whichever service sends them. */
export type SeriesCost = z.infer<typeof seriesCost>;

/** What a service costs, as far as it is known. */
export const serviceCost = z.object({
  /** When it was measured, ISO 8601. */
  at: z.string(),
  /** A grouped monitor counts once for each of its groups. */
  monitors: z.object({ simple: z.number(), grouped: z.number() }),
  series: z.array(seriesCost),
});
export type ServiceCost = z.infer<typeof serviceCost>;

/** Adds up what is known of a service's series. Undefined if nothing is. */
export function indexedSeries(series: readonly SeriesCost[]): number | undefined {
  const known = series.flatMap(({ indexed }) => (indexed === undefined ? [] : [indexed]));
  return known.length === 0 ? undefined : known.reduce((sum, one) => sum + one, 0);
}
