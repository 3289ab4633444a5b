import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { plain, svg } from '../chart.ts';
import { type Outcome, sharesOf } from './report.ts';
import { scenario } from './variants.ts';

const WIDTH = 420;
const HEIGHT = 76;
const TITLE = 30;
const AXIS = 36;

const drawn: Readonly<Record<string, readonly string[]>> = {
  'a mild minute': ['no retries', 'retry(3)', 'retry, backoff, budget'],
  'a hard minute': [
    'no retries',
    'retry(3)',
    'retry, backoff, budget',
    'hedge',
    'hedge, budget',
    'adaptive bulkhead',
    'all together',
  ],
};

const columns = [
  { title: 'load on the upstream, million requests a second', field: 'requests', domain: [0, 5], ticks: [0, 2, 4] },
  { title: 'failed pages, %', field: 'failed', domain: [0, 110], ticks: [0, 50, 100] },
] as const;

/** Draws the load and the failed pages of some strategies over time, one strategy below the other. */
export function stormChart(outcomes: readonly Outcome[]): string {
  const { document } = parseHTML('<html></html>');
  const panels: Element[] = [];
  let top = 0;
  const add = (panel: Element, column: number, height: number): void => {
    panel.setAttribute('x', String(column * WIDTH));
    panel.setAttribute('y', String(top));
    panels.push(panel);
    if (column === columns.length - 1) top += height;
  };
  for (const [name, variants] of Object.entries(drawn)) {
    for (const [column, { title }] of columns.entries()) {
      const text = `${name}: ${title}`;
      const marks = [Plot.text([text], { frameAnchor: 'left', textAnchor: 'start', fontWeight: 'bold', fontSize: 12 })];
      add(Plot.plot({ document, width: WIDTH, height: TITLE, marginLeft: 30, axis: null, marks }), column, TITLE);
    }
    for (const variant of variants) {
      const outcome = outcomes.find((outcome) => outcome.minute.name === name && outcome.variant.name === variant);
      if (!outcome) throw new Error(`expected an outcome of ${variant} in ${name}`);
      const isFirst = variant === variants[0];
      const isLast = variant === variants.at(-1);
      const height = HEIGHT + (isLast ? AXIS : 0);
      for (const [column, { field, domain, ticks }] of columns.entries()) {
        const points = outcome.seconds.map((second, at) => {
          const share = sharesOf([second])[field];
          return { at, value: field === 'failed' ? 100 * share : share };
        });
        add(panelOf(variant, points, { document, height, isFirst, isLast, domain, ticks }), column, height);
      }
    }
  }
  return svg(panels.map(plain), columns.length * WIDTH, top);
}

interface Frame {
  readonly document: Document;
  readonly height: number;
  /** Whether it names the minute. */
  readonly isFirst: boolean;
  /** Whether it has the axis of time. */
  readonly isLast: boolean;
  readonly domain: readonly number[];
  readonly ticks: readonly number[];
}

function panelOf(
  name: string,
  points: readonly { readonly at: number; readonly value: number }[],
  { document, height, isFirst, isLast, domain, ticks }: Frame,
): Element {
  const { before, bad } = scenario;
  return Plot.plot({
    document,
    width: WIDTH,
    height,
    marginLeft: 30,
    marginRight: 10,
    marginTop: 18,
    marginBottom: isLast ? 6 + AXIS : 6,
    x: { domain: [0, points.length], label: isLast ? 'seconds' : null, ticks: isLast ? [0, 30, 60, 90, 120, 150] : [] },
    y: { domain, ticks, label: null, grid: true, tickFormat: 'd' },
    marks: [
      Plot.rectX([0], { x1: before, x2: before + bad, fill: '#efb118', fillOpacity: 0.25 }),
      Plot.areaY(points, { x: 'at', y: 'value', fill: '#4269d0', fillOpacity: 0.4 }),
      Plot.lineY(points, { x: 'at', y: 'value', stroke: '#4269d0' }),
      Plot.text(isFirst ? ['the bad minute'] : [], { x: before + bad / 2, frameAnchor: 'top', dy: 4 }),
      Plot.text([name], { frameAnchor: 'top-left', dy: -14, fontSize: 11 }),
    ],
  });
}
