/** Kinds that documents can be made of. */
export const IMPORTED_KINDS = ["monitors", "slos", "dashboards"] as const;
export type ImportedKind = (typeof IMPORTED_KINDS)[number];
