import type { ClusterFacts } from "../facts.ts";
import type { openLook } from "../look.ts";
import type { Cell, Column } from "../table.ts";

/** A list for people and for programs. */
export interface Listing {
  readonly columns: readonly (Column & { readonly isWide?: boolean })[];
  readonly rows: readonly (readonly Cell[])[];
  readonly data: readonly object[];
  /** What else to say, below the table. */
  readonly notes: readonly string[];
  /** How the one object of the list looks, as a page. */
  readonly page?: (() => string) | undefined;
}

export interface Listed {
  readonly listing: Listing;
  /** Undefined for a list that has nothing to do with a running operator. */
  readonly facts: ClusterFacts | undefined;
}

export type Opened = ReturnType<typeof openLook>;

export type List = (opened: Opened, names: readonly string[]) => Promise<Listed>;
