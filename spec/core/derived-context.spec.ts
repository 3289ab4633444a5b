import { expect } from 'chai';
import { NEVER, type Observable, of, timer } from 'rxjs';
import {
  aggregate,
  type AggregateOption,
  background,
  type Context,
  type Fetch,
  fromAbortable,
  perRun,
  type RunEvent,
  withEvents,
  withFetch,
  withTimeout,
} from '../../lib/index.ts';
import { marbles } from '../../lib/testing/index.ts';
import { boom, exceeded } from '../support/services.ts';

/** The context that a run on `ctx` gives its services. */
function contextOf(ctx: Context, ...options: AggregateOption[]): Context {
  let derived: Context | undefined;
  aggregate(
    {
      one: (given) => {
        derived = given;
        return of(1);
      },
    },
    ...options,
  )(ctx).subscribe();
  return derived!;
}

describe('the context of a service', () => {
  it('keeps the fields of the caller, and has a signal of its own', () => {
    const { signal } = new AbortController();
    const tenant = Symbol('tenant');
    const derived = contextOf({ signal, tenant: 'acme', [tenant]: 1, propagate: { a: 'b' } } as Context);
    expect(derived.signal).to.be.instanceOf(AbortSignal).and.not.equal(signal);
    expect(derived).to.deep.include({ tenant: 'acme', propagate: { a: 'b' } });
    expect(derived).to.have.property(tenant, 1);
  });

  class TenantContext implements Context {
    readonly #tenant = 'acme';
    readonly fetch: undefined;
    get tenant(): string {
      return this.#tenant;
    }
    get deadline(): number {
      return Infinity;
    }
    headers(): object {
      return { tenant: this.tenant };
    }
  }

  it('keeps the fields that the context of the caller inherits', () => {
    const inherited = Object.create({
      tenant: 'acme',
      deadline: Infinity,
      headers: () => ({ tenant: 'acme' }),
    }) as object;
    for (const caller of [new TenantContext(), inherited, Object.create(inherited) as object]) {
      const derived = contextOf(caller, withTimeout(Infinity)) as TenantContext;
      expect(derived.headers()).to.deep.equal({ tenant: derived.tenant }).and.deep.equal({ tenant: 'acme' });
      expect(derived).to.not.have.property('deadline');
      expect(contextOf(caller)).to.have.property('deadline').that.is.below(Infinity);
    }
  });

  it('keeps the fields of the caller in a nested run too', () => {
    let derived: Context | undefined;
    const nested = aggregate({ one: (ctx) => of((derived = ctx)) });
    const ctx = { tenant: 'acme', propagate: { a: 'b' }, fetch: () => Promise.reject(boom) };
    aggregate({ nested: (outer) => nested(outer) }, withTimeout(Infinity))(ctx).subscribe();
    expect(derived).to.include(ctx);
    expect(Object.keys(derived!)).to.have.members([...Object.keys(ctx), 'signal', 'deadline']);
  });

  it('has the sooner deadline, and no such key without one', () => {
    marbles(() => {
      expect(contextOf(background, withTimeout(10))).to.include({ deadline: 10 });
      expect(contextOf({ deadline: 5 }, withTimeout(10))).to.include({ deadline: 5 });
      expect(contextOf({ deadline: 15 }, withTimeout(10))).to.include({ deadline: 10 });
      expect(contextOf({ deadline: 15 }, withTimeout(Infinity))).to.include({ deadline: 15 });
      expect(Object.keys(contextOf({ deadline: Infinity }, withTimeout(Infinity)))).to.deep.equal(['signal']);
      expect(contextOf(background)).to.include({ deadline: 30_000 });
    });
  });

  it('prefers ctx.fetch to withFetch, and has no such key without either', () => {
    const option: Fetch = () => Promise.reject(boom);
    const field: Fetch = () => Promise.reject(boom);
    expect(contextOf(background)).not.to.have.property('fetch');
    expect(contextOf({ fetch: undefined })).not.to.have.property('fetch');
    expect(contextOf(background, withFetch(option))).to.have.property('fetch', option);
    expect(contextOf({ fetch: field }, withFetch(option))).to.have.property('fetch', field);
    expect(contextOf({ fetch: undefined }, withFetch(option))).to.have.property('fetch', option);
  });

  it('prints nothing of its run', () => {
    const derived = contextOf({ propagate: { a: 'b' } }, withTimeout(Infinity));
    expect(JSON.parse(JSON.stringify(derived))).to.deep.equal({ propagate: { a: 'b' }, signal: {} });
  });
});

describe('a copy of the context', () => {
  const elsewhere = new AbortController().signal;
  const copies: Readonly<Record<string, (ctx: Context) => Context>> = {
    '{ ...ctx }': (ctx) => ({ ...ctx }),
    '{ ...ctx, signal: another }': (ctx) => ({ ...ctx, signal: elsewhere }),
    '{ ...ctx, signal: undefined }': (ctx) => ({ ...ctx, signal: undefined }),
    '{ ...ctx, signal: AbortSignal.any([...]) }': (ctx) => ({
      ...ctx,
      signal: AbortSignal.any([ctx.signal!, elsewhere]),
    }),
    '{ signal: ctx.signal }': ({ signal }) => ({ signal }),
    'a copy of a copy': (ctx) => ({ ...{ ...ctx, signal: elsewhere } }),
  };

  for (const [name, copy] of Object.entries(copies)) {
    it(`belongs to the run: ${name}`, () => {
      marbles(({ expectObservable, flush }) => {
        const events: RunEvent[] = [];
        let calls = 0;
        const profile = perRun(() => timer(++calls));
        const nested = aggregate({ profile, slow: () => NEVER }, withEvents({ next: (event) => events.push(event) }));
        const all = aggregate(
          { profile, nested: (ctx) => nested(copy(ctx)) },
          withTimeout(1_000),
          withEvents({ next: (event) => events.push(event) }),
        );
        expectObservable(all(background)).toBe('1s #', undefined, exceeded(1_000, 'nested'));
        flush();
        expect(calls, 'perRun calls its service once').to.equal(1);
        const [outer, inner] = events.filter(({ type, service }) => type === 'started' && service === undefined);
        expect(inner?.parent).to.deep.equal({ run: outer?.run, service: 'nested' });
      });
    });
  }

  it('belongs to the run when its signal comes from fromAbortable', () => {
    for (const spread of [true, false]) {
      marbles(({ expectObservable }) => {
        const slow = aggregate({ slow: () => NEVER });
        const nested = (ctx: Context): Observable<unknown> =>
          fromAbortable(ctx, (signal) => slow(spread ? { ...ctx, signal } : { signal }));
        const all = aggregate({ nested }, withTimeout(1_000));
        expectObservable(all(background)).toBe('1s #', undefined, exceeded(1_000, 'nested'));
      });
    }
  });

  it('fails with the reason of its own signal: the caller has not canceled', () => {
    const own = new AbortController();
    const errors: unknown[] = [];
    const nested = aggregate({ slow: () => NEVER });
    const run = aggregate({
      a: (ctx) => {
        nested({ ...ctx, signal: AbortSignal.any([ctx.signal!, own.signal]) }).subscribe({
          error: (error: unknown) => errors.push(error),
        });
        return NEVER;
      },
    })(background).subscribe();
    own.abort('too slow');
    run.unsubscribe();
    expect(errors).to.deep.equal(['too slow']);
  });

  it('belongs to no run once the run has ended', () => {
    const started: RunEvent[] = [];
    const ended = contextOf(background);
    for (const copy of Object.values(copies)) {
      const next = (event: RunEvent): void => void started.push(event);
      aggregate({}, withEvents({ next }))(copy(ended)).subscribe();
    }
    expect(started.map(({ parent }) => parent)).to.deep.equal(started.map(() => undefined));
    expect(started).to.have.length(2 * Object.keys(copies).length);
  });

  it('belongs to the inner run when a nested run has made it', () => {
    const parents: unknown[] = [];
    const next = ({ run, type, service, parent }: RunEvent): void => {
      if (type === 'started' && service === undefined) parents.push([run, parent?.run]);
    };
    const leaf = aggregate({ x: () => of(1) }, withEvents({ next }));
    const middle = aggregate({ leaf: (ctx) => leaf({ ...ctx }) }, withEvents({ next }));
    aggregate({ middle: (ctx) => middle({ ...ctx }) }, withEvents({ next }))(background).subscribe();
    const [[root], [first, ofFirst], [, ofSecond]] = parents as [[number], [number, number], [number, number]];
    expect([ofFirst, ofSecond]).to.deep.equal([root, first]);
  });
});
