import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Along, Point } from './topics/scale.ts';

const WIDTH = 420;
const HEIGHT = 230;
const LEGEND = 40;

const columns: readonly Along[] = ['runs in flight', 'services a run'];
const rows: readonly { readonly label: string; readonly value: (point: Point) => number }[] = [
  { label: 'requests a second', value: ({ rate }) => rate.median },
  { label: 'p99, ms', value: ({ p99 }) => p99.median },
  { label: 'memory above rest, MiB', value: ({ memory }) => memory.median / 2 ** 20 },
];

/** Draws the curves as one SVG, with a panel for each figure and axis. */
export function chart(points: readonly Point[]): string {
  const { document } = parseHTML('<html></html>');
  const names = [...new Set(points.map(({ name }) => name))];
  const color = { domain: names, scheme: 'Observable10' } as const;
  const panels = rows.flatMap(({ label, value }, row) =>
    columns.map((along, column) => {
      const own = points.filter((point) => point.along === along);
      const panel = Plot.plot({
        document,
        width: WIDTH,
        height: HEIGHT,
        marginLeft: 55,
        marginTop: 30,
        x: { type: 'log', label: along, tickFormat: '~s' },
        y: { type: 'log', label, grid: true, tickFormat: '~s' },
        color,
        marks: [
          Plot.line(own, { x: 'at', y: value, stroke: 'name' }),
          Plot.dot(own, { x: 'at', y: value, fill: 'name', r: 2.5 }),
        ],
      });
      panel.setAttribute('x', String(column * WIDTH));
      panel.setAttribute('y', String(row * HEIGHT + LEGEND));
      return panel;
    }),
  );
  const legend = Plot.plot({
    document,
    width: 2 * WIDTH,
    height: LEGEND,
    marginLeft: 55,
    axis: null,
    color,
    x: { domain: [0, names.length] },
    marks: [
      Plot.dot(names, { x: (_, index) => index, fill: (name) => name, r: 4 }),
      Plot.text(names, { x: (_, index) => index, text: (name) => name, dx: 8, textAnchor: 'start' }),
    ],
  });
  return svg([legend, ...panels].map(plain), 2 * WIDTH, rows.length * HEIGHT + LEGEND);
}

/** Puts panels on a white ground, so that they are readable on a dark page too. */
export function svg(panels: readonly string[], width: number, height: number): string {
  const size = `width="${String(width)}" height="${String(height)}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n<rect ${size} fill="white"/>\n${panels.join('\n')}\n</svg>\n`;
}

/** Removes the style, which is for pages, and the digits that are too small to see. */
export function plain(panel: Element): string {
  panel.querySelector('style')?.remove();
  return panel.outerHTML.replace(/\d+\.\d{2,}/g, (number) => String(Math.round(10 * Number(number)) / 10));
}
