import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { arranged, COLUMNS, stacked } from "./arrange.ts";

interface Layout {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function widget(title: string, layout?: Layout): object {
  return { definition: { type: "note", content: title }, ...(layout === undefined ? {} : { layout }) };
}

function at(x: number, y: number, width = 4, height = 2): Layout {
  return { x, y, width, height };
}

function layoutsOf(widgets: readonly unknown[]): readonly Layout[] {
  return widgets.map((one) => (one as { layout: Layout }).layout);
}

function overlaps(a: Layout, b: Layout): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

describe("arranged", () => {
  test("leaves places as they are where every row above the last is full", () => {
    const widgets = [
      widget("a", at(0, 0, 6, 4)),
      widget("b", at(6, 0, 6)),
      widget("c", at(6, 2, 6)),
      widget("d", at(0, 4)),
    ];

    expect(arranged(widgets)).toEqual({ widgets, height: 6 });
  });

  test("closes the hole of a widget that was left out, and fills a small gap by the row's last", () => {
    const widgets = [widget("a", at(4, 0)), widget("b", at(8, 0)), widget("c", at(0, 2, 12))];

    const { widgets: result, height } = arranged(widgets);

    expect(layoutsOf(result)).toEqual([at(0, 0), at(4, 0, 8), at(0, 2, 12)]);
    expect(height).toBe(4);
  });

  test("closes the hole before the last row's only widget as well", () => {
    expect(layoutsOf(arranged([widget("b", at(4, 0, 8))]).widgets)).toEqual([at(0, 0, 12)]);
  });

  test("leaves a large gap at a row's end, so that a small widget stays small", () => {
    const widgets = [widget("a", at(0, 2, 2)), widget("b", at(2, 4, 12))];

    expect(layoutsOf(arranged(widgets).widgets)).toEqual([at(0, 0, 2), at(0, 2, 12)]);
  });

  test("puts below what came before it whatever wants the same place, and what follows it", () => {
    const widgets = [
      widget("a", at(0, 0, 6)),
      widget("b", at(6, 0, 6)),
      widget("a too", at(0, 0, 6)),
      widget("b too", at(6, 0, 6)),
    ];

    expect(layoutsOf(arranged(widgets).widgets)).toEqual([
      at(0, 0, 6),
      at(6, 0, 6),
      at(0, 2, 6),
      at(6, 2, 6),
    ]);
  });

  test("goes on as usual behind a single widget that there is twice", () => {
    const widgets = [
      widget("a", at(0, 0, 8)),
      widget("b", at(8, 0)),
      widget("b too", at(8, 0)),
      widget("c", at(0, 2, 8)),
    ];

    expect(layoutsOf(arranged(widgets).widgets)).toEqual([at(0, 0, 8), at(8, 0), at(0, 2), at(4, 2, 8)]);
  });

  test("puts what has no place below what has one, three in a row", () => {
    const widgets = [widget("a"), widget("b", at(0, 0, 12)), widget("c"), widget("d"), widget("e")];

    const { widgets: result, height } = arranged(widgets);

    expect(layoutsOf(result)).toEqual([at(0, 2), at(0, 0, 12), at(4, 2), at(8, 2), at(0, 4)]);
    expect(height).toBe(6);
  });

  const anyLayout = fc.record({
    x: fc.integer({ min: 0, max: 11 }),
    y: fc.integer({ min: 0, max: 8 }),
    width: fc.integer({ min: 1, max: 14 }),
    height: fc.integer({ min: 1, max: 4 }),
  });

  test("never lets two widgets overlap or leave the twelve columns, and keeps all of them", () => {
    fc.assert(
      fc.property(fc.array(fc.option(anyLayout, { nil: undefined }), { maxLength: 12 }), (wanted) => {
        const widgets = wanted.map((layout, index) => widget(String(index), layout));

        const { widgets: result, height } = arranged(widgets);

        const layouts = layoutsOf(result);
        expect(result.map((one) => (one as { definition: object }).definition)).toEqual(
          widgets.map((one) => (one as { definition: object }).definition),
        );
        for (const [index, one] of layouts.entries()) {
          expect(one.x + one.width).toBeLessThanOrEqual(COLUMNS);
          expect(one.y + one.height).toBeLessThanOrEqual(height);
          for (const other of layouts.slice(index + 1)) expect(overlaps(one, other)).toBe(false);
        }
      }),
    );
  });

  test("changes nothing a second time where nothing wanted the same place", () => {
    fc.assert(
      fc.property(fc.array(anyLayout, { maxLength: 5 }), (wanted) => {
        fc.pre(wanted.every((a, index) => !wanted.slice(index + 1).some((b) => overlaps(a, b))));
        const once = arranged(wanted.map((layout, index) => widget(String(index), layout)));

        expect(arranged(once.widgets)).toEqual(once);
      }),
    );
  });
});

test("stacked puts groups below one another, each with a row for its title", () => {
  const sections = [
    { title: "A", order: 1, widgets: [widget("a", at(0, 0, 12, 3))] },
    { title: "B", order: 2, widgets: [widget("b", at(0, 0, 12, 2))] },
  ];

  expect(layoutsOf(stacked(sections))).toEqual([at(0, 0, 12, 4), at(0, 4, 12, 3)]);
});
