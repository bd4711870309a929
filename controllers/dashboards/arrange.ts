import { isObject, type Json } from "../monitors/canonical.ts";

export const COLUMNS = 12;

/** A section as it will stand: its title, and the widgets in it. */
export interface Section {
  readonly title: string;
  readonly order: number;
  readonly widgets: readonly unknown[];
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Sections as groups, one below the other, each over the whole width. */
export function stacked(sections: readonly Section[]): readonly Json[] {
  let y = 0;
  return sections.map(({ title, widgets }) => {
    const { widgets: inner, height: innerHeight } = arranged(widgets);
    // The group's title takes a row.
    const height = innerHeight + 1;
    const group = {
      definition: {
        type: "group",
        layout_type: "ordered",
        title,
        show_title: true,
        background_color: "vivid_blue",
        widgets: inner,
      },
      layout: { x: 0, y, width: COLUMNS, height },
    };
    y += height;
    return group;
  });
}

/** Where no place is given: three in a row, below what has a place. */
const FLOW = { width: 4, height: 2 };

/**
 * Gives every widget of a section a place. Places that were given stay. Where a widget wants the same place as one
 * before it (they are for services of different kinds, and here are both), it and those after it come below. Where
 * widgets were left out and would leave a hole, the others keep their size and order and close up.
 */
export function arranged(widgets: readonly unknown[]): {
  readonly widgets: readonly unknown[];
  readonly height: number;
} {
  const given = widgets.map(placeOf);
  const fixed = stackedLayers(given);
  const top = bottomOf(fixed.filter((place) => place !== undefined));
  const perRow = COLUMNS / FLOW.width;
  let flowing = 0;
  const result = widgets.map((widget, at) => {
    if (!isObject(widget)) return widget;
    const place = fixed[at];
    if (place !== undefined) return isSamePlace(place, given[at]) ? widget : { ...widget, layout: place };
    const n = flowing++;
    const layout = {
      x: (n % perRow) * FLOW.width,
      y: top + Math.floor(n / perRow) * FLOW.height,
      ...FLOW,
    };
    return { ...widget, layout };
  });
  return { widgets: result, height: Math.max(1, top + Math.ceil(flowing / perRow) * FLOW.height) };
}

/** Layers in which nothing overlaps, in the order of the list, one below the other. */
function stackedLayers(given: readonly (Place | undefined)[]): readonly (Place | undefined)[] {
  const result: (Place | undefined)[] = given.map(() => undefined);
  let top = 0;
  for (const layer of layersOf(given)) {
    const places = layer.map(({ place }) => place);
    const kept = isTidy(places) ? layer : closedUp(layer);
    for (const { place, at } of kept) result[at] = { ...place, y: place.y + top };
    top += bottomOf(kept.map(({ place }) => place));
  }
  return result;
}

function layersOf(given: readonly (Place | undefined)[]): readonly (readonly Placed[])[] {
  const layers: Placed[][] = [];
  for (const [at, place] of given.entries()) {
    if (place === undefined) continue;
    const current = layers.at(-1);
    if (current === undefined || current.some((other) => overlaps(other.place, place)))
      layers.push([{ place, at }]);
    else current.push({ place, at });
  }
  return layers;
}

function overlaps(a: Place, b: Place): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** True if nothing goes beyond the columns, and no cell is empty but at the end of the last row. */
function isTidy(places: readonly Place[]): boolean {
  const taken = new Set<number>();
  for (const { x, y, width, height } of places) {
    if (x + width > COLUMNS) return false;
    for (let row = y; row < y + height; row++) {
      for (let column = x; column < x + width; column++) {
        taken.add(row * COLUMNS + column);
      }
    }
  }
  const bottom = bottomOf(places);
  const lastTop = Math.max(0, ...places.map(({ y }) => y));
  for (let row = 0; row < bottom; row++) {
    const isFull = (column: number): boolean => taken.has(row * COLUMNS + column);
    const columns = Array.from({ length: COLUMNS }, (_, column) => column);
    const firstEmpty = columns.findIndex((column) => !isFull(column));
    if (firstEmpty >= 0 && (row < lastTop || columns.slice(firstEmpty).some(isFull))) return false;
  }
  return true;
}

/** A gap of so many columns at a row's end is filled by the row's last widget. */
const MAX_WIDENING = 4;

/** The same widgets row by row, in the order in which they are read. */
function closedUp(layer: readonly Placed[]): readonly Placed[] {
  const inOrder = layer.toSorted((a, b) => a.place.y - b.place.y || a.place.x - b.place.x);
  const result: Placed[] = [];
  let y = 0;
  for (const row of rowsOf(inOrder)) {
    let x = 0;
    for (const { place, at } of row) {
      const gap = COLUMNS - x - place.width;
      const isLast = at === row.at(-1)?.at;
      const width = isLast && gap <= MAX_WIDENING ? COLUMNS - x : Math.min(place.width, COLUMNS);
      result.push({ place: { x, y, width, height: place.height }, at });
      x += width;
    }
    y += Math.max(...row.map(({ place }) => place.height));
  }
  return result;
}

interface Placed {
  readonly place: Place;
  readonly at: number;
}

function rowsOf(inOrder: readonly Placed[]): readonly (readonly Placed[])[] {
  const rows: Placed[][] = [];
  let room = 0;
  for (const one of inOrder) {
    const width = Math.min(one.place.width, COLUMNS);
    if (width > room) {
      rows.push([]);
      room = COLUMNS;
    }
    rows.at(-1)!.push(one);
    room -= width;
  }
  return rows;
}

/** Undefined if the widget says no place. */
function placeOf(widget: unknown): Place | undefined {
  const layout = isObject(widget) ? widget["layout"] : undefined;
  if (!isObject(layout)) return undefined;
  const { x = 0, y, width = FLOW.width, height } = layout;
  if (![x, y, width, height].every((one) => typeof one === "number")) return undefined;
  return { x, y, width, height } as Place;
}

function bottomOf(places: readonly Place[]): number {
  return Math.max(0, ...places.map(({ y, height }) => y + height));
}

function isSamePlace(a: Place, b: Place | undefined): boolean {
  return b !== undefined && a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
}
