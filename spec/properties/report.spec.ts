import { expect } from 'chai';
import fc from 'fast-check';
import { type Observable, switchMap, throwError, timer } from 'rxjs';
import stringWidth from 'string-width';
import {
  aggregate,
  type AggregateOption,
  type Context,
  type RunEvent,
  withConcurrency,
  withName,
  withTimeout,
} from '../../lib/index.ts';
import { serverTiming, waterfall } from '../../lib/observe/report/index.ts';
import { metricsOf } from '../support/server-timing.ts';
import { story } from '../support/story.ts';

interface Leaf {
  readonly takes: number;
  readonly fails: boolean;
}
interface Tree {
  readonly name: string;
  readonly services: readonly (readonly [name: string, service: Leaf | Tree])[];
  readonly concurrency: number;
  readonly timeout: number;
  /** Whether it is asked later than its service subscribes. */
  readonly late: boolean;
}

const name = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom(
    'profile',
    '注文',
    '[0]',
    'a.b',
    '',
    '\n',
    '\u001B[2J',
    'x\r\ny: z',
    '";,=',
    '\u202E',
    '\uD800',
    '  ',
  ),
);
const leaf = fc.record({ takes: fc.integer({ min: 0, max: 50 }), fails: fc.boolean() });
const { tree } = fc.letrec<{ tree: Tree; service: Leaf | Tree }>((tie) => ({
  service: fc.oneof({ maxDepth: 2 }, leaf, tie('tree')),
  tree: fc.record({
    name: name.filter((text) => text !== ''),
    services: fc.array(fc.tuple(name, tie('service')), { maxLength: 4 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
    timeout: fc.integer({ min: 1, max: 60 }),
    late: fc.boolean(),
  }),
}));

function asking(service: Leaf | Tree, watched: AggregateOption): (ctx: Context) => Observable<unknown> {
  if ('takes' in service) {
    const { takes, fails } = service;
    return () => timer(takes).pipe(switchMap((value) => (fails ? throwError(() => new Error('no')) : [value])));
  }
  const { name, services, concurrency, timeout, late } = service;
  const ask = aggregate(
    Object.fromEntries(services.map(([key, inner]) => [key, asking(inner, watched)])),
    watched,
    withName(name),
    withConcurrency(concurrency),
    withTimeout(timeout),
  );
  return late ? (ctx) => timer(1).pipe(switchMap(() => ask(ctx))) : (ctx) => ask(ctx);
}

/** The events of a random run, but those that are missing. */
const events = fc
  .tuple(tree, fc.array(fc.nat({ max: 40 }), { maxLength: 6 }))
  .map(([root, missing]): readonly RunEvent[] =>
    story((watched) => asking(root, watched)).filter((_, index) => !missing.includes(index)),
  );

describe('of all random runs, whatever of their events is missing', function () {
  this.timeout(60_000);

  it('a waterfall has a row for each run and service, aligned, and no character that is not for looking at', () => {
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 30 }), (told, width) => {
        const picture = waterfall(told, { width });
        expect(picture).not.to.match(/(?!\n)[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);

        const runs = new Map(told.map(({ run, parent }) => [run, parent?.run]));
        const services = new Set(
          told
            .filter(({ service }) => service !== undefined)
            .map(({ run, service }) => `${String(run)} ${String(service)}`),
        );
        let roots = [...runs.values()].filter((outer) => outer === undefined || !runs.has(outer)).length;
        const rows = picture === '' ? [] : picture.split('\n');
        expect(rows).to.have.length(runs.size + services.size);
        let aligned: number | undefined;
        for (const row of rows) {
          const [, drawing = '', bar] =
            /^( {2}.* {2}(░*█+░*) +\d+ ms) {2}(?:ok|running|canceled|deadline exceeded|failed: .*)$/u.exec(row) ?? [];
          if (bar === undefined) {
            roots--;
            aligned = undefined;
          } else {
            expect(bar).to.have.length(width);
            expect(stringWidth(drawing)).to.equal((aligned ??= stringWidth(drawing)));
          }
        }
        expect(roots).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });

  it('a Server-Timing header is what its grammar says, fits, and says nothing but outcomes', () => {
    fc.assert(
      fc.property(events, (told) => {
        const value = serverTiming(told);
        expect(value).to.have.lengthOf.at.most(2_048);
        expect(new Headers({ 'server-timing': value }).get('server-timing')).to.equal(value);
        for (const { parameters } of metricsOf(value)) {
          const { dur, desc = 'ok', ...others } = parameters;
          expect(Number(dur)).to.be.within(0, 100);
          expect(desc).to.match(/^(ok|failed|canceled|deadline exceeded|running)$/);
          expect(others).to.deep.equal({});
        }
      }),
      { numRuns: 300 },
    );
  });
});
