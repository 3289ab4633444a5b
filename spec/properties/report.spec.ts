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
import { event, story } from '../support/story.ts';

interface Leaf {
  readonly ms: number;
  readonly fails: boolean;
}
interface Tree {
  readonly name: string;
  readonly services: readonly (readonly [name: string, service: Leaf | Tree])[];
  readonly concurrency: number;
  readonly timeout: number;
  /** Whether the run is started after its service has been subscribed to. */
  readonly late: boolean;
}

const graphemes = fc.string({ unit: 'grapheme', maxLength: 8 });
const wide = fc.constantFrom(
  ...['注文', 'Ａ', 'ｶﾞ', '각', '\u1100\u1161\u11a8', '👍🏽', '❤\ufe0f', '1\ufe0f\u20e3', '🇩🇪', '👨‍👩‍👧'],
);
const narrow = fc.constantFrom(...['a', 'e\u0301', 'का', 'กี่', 'שׁ', '❤', '\u200b', '\u00ad', ' ']);
const hostile = fc.constantFrom(...['\n', '\u001B[2J', 'x\r\ny: z', '";,=', '\u202E', '\uD800']);
const name = fc.oneof(
  graphemes,
  fc.array(fc.oneof(wide, narrow), { maxLength: 6 }).map((parts) => parts.join('')),
  hostile,
  fc.constantFrom('profile', '[0]', 'a.b', ''),
);
const leaf = fc.record({ ms: fc.integer({ min: 0, max: 50 }), fails: fc.boolean() });
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

function serviceOf(service: Leaf | Tree, recorded: AggregateOption): (ctx: Context) => Observable<unknown> {
  if ('ms' in service) {
    const { ms, fails } = service;
    return () => timer(ms).pipe(switchMap((value) => (fails ? throwError(() => new Error('no')) : [value])));
  }
  const { name, services, concurrency, timeout, late } = service;
  const nested = aggregate(
    Object.fromEntries(services.map(([key, inner]) => [key, serviceOf(inner, recorded)])),
    recorded,
    withName(name),
    withConcurrency(concurrency),
    withTimeout(timeout),
  );
  return late ? (ctx) => timer(1).pipe(switchMap(() => nested(ctx))) : (ctx) => nested(ctx);
}

/** The events of a random run, some of them missing. */
const someEvents = fc
  .tuple(tree, fc.array(fc.nat({ max: 40 }), { maxLength: 6 }))
  .map(([root, missing]): readonly RunEvent[] =>
    story((recorded) => serviceOf(root, recorded)).filter((_, index) => !missing.includes(index)),
  );

describe('for random runs, even if events are missing', function () {
  this.timeout(60_000);

  it('waterfall draws an aligned row for each run and service, and prints no control character', () => {
    fc.assert(
      fc.property(someEvents, fc.integer({ min: 1, max: 30 }), (events, width) => {
        const picture = waterfall(events, { width });
        expect(picture).not.to.match(/(?!\n)[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);

        const runs = new Map(events.map(({ run, parent }) => [run, parent?.run]));
        const services = new Set(
          events
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

  it('waterfall counts the columns of a name as string-width does', () => {
    fc.assert(
      fc.property(name, (service) => {
        const [, row = '', reference = ''] = waterfall([
          event({}),
          event({ service }),
          event({ service: 'ascii' }),
        ]).split('\n');
        expect(stringWidth(row)).to.equal(reference.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('serverTiming follows the grammar of the header, fits, and contains no text but outcomes', () => {
    fc.assert(
      fc.property(someEvents, (events) => {
        const value = serverTiming(events);
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
