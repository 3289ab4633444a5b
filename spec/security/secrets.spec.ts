import { expect } from 'chai';
import fc from 'fast-check';
import { type Observable, of } from 'rxjs';
import {
  aggregate,
  CanceledError,
  type Context,
  DeadlineExceededError,
  fetchJson,
  ForkfastError,
  type ServiceError,
  withEvents,
  withLogger,
  withTimeout,
} from '../../lib/index.ts';
import { marbles, recordEvents, recordingLogger } from '../../lib/testing/index.ts';
import { expectNoUnhandledRejections } from '../support/rejections.ts';
import { type Planted, planted, scenarios, tracesOf, wraps } from '../support/secrets.ts';

const wrap = fc.constantFrom(...Object.keys(wraps));

/** Fails where a line of what may be printed holds the secret. */
function expectClean({ core }: Planted, printed: Readonly<Record<string, unknown>>): void {
  for (const [what, text] of Object.entries(printed)) {
    if (String(text).toLowerCase().includes(core)) expect.fail(`a secret is in ${what}: ${String(text)}`);
  }
}

/** The code of a failure, or the name of its kind. */
function kindOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  const { cause } = error as ServiceError;
  if (cause instanceof ForkfastError) return cause.code;
  return cause instanceof Error ? cause.name : typeof cause;
}

describe('security: a secret in what is sent, answered or thrown is in no line', function () {
  this.timeout(60_000);

  expectNoUnhandledRejections();

  for (const [name, { fails, quotes, service }] of Object.entries(scenarios)) {
    it(`of ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(planted, wrap, async (secret, how) => {
          const logger = recordingLogger();
          const { error, events } = await tracesOf(wraps[how]!(service(secret)), secret, logger);
          expect(kindOf(error), how).to.equal(fails);
          expect(events).to.have.length.above(2);
          expect(logger.lines).to.have.length.above(2);
          expectClean(secret, {
            'the error as JSON': JSON.stringify(error),
            'an event as JSON': JSON.stringify(events),
            'a line of the log': JSON.stringify(logger.lines),
          });
          if (quotes) return;
          expectClean(secret, {
            'the message': error,
            'the message of the cause': (error as Error | undefined)?.cause,
          });
        }),
        { numRuns: 30 },
      );
    });
  }

  it('of a deadline that passes, and of a caller who leaves for whatever reason', () => {
    const reasons = (secret: Planted): readonly unknown[] => {
      const { text } = secret;
      return [text, new Error(text), { name: text, code: text, [text]: text }, Symbol(text), [text], undefined];
    };
    fc.assert(
      fc.property(planted, wrap, fc.nat({ max: 5 }), fc.boolean(), (secret, how, which, late) => {
        const { line, text } = secret;
        const logger = recordingLogger();
        const { events, next } = recordEvents();
        const controller = new AbortController();
        const signals: AbortSignal[] = [];
        const waiting = (ctx: Context, input: string): Observable<unknown> => {
          signals.push(ctx.signal!);
          return fetchJson(ctx, `http://api.test/?${encodeURIComponent(input)}`, {
            headers: { cookie: line },
          });
        };
        let told: unknown;
        marbles(({ flush }) => {
          const ask = aggregate(
            { waiting: wraps[how]!(waiting), other: () => of(text) },
            withTimeout(10),
            withLogger(logger),
            withEvents({ next }),
          );
          const ctx = {
            propagate: { authorization: line },
            fetch: () => new Promise<never>(() => undefined),
            signal: controller.signal,
          };
          ask(ctx, text).subscribe({ error: (error: unknown) => (told = error) });
          if (!late) controller.abort(reasons(secret)[which]);
          flush();
        });
        expect(told).to.be.instanceOf(late ? DeadlineExceededError : CanceledError);
        expectClean(secret, {
          'the error as JSON': JSON.stringify(told),
          'an event as JSON': JSON.stringify(events),
          'a line of the log': JSON.stringify(logger.lines),
          'the message': told,
          'the reason of a signal': JSON.stringify(signals.map(({ reason }) => reason as unknown)),
        });
      }),
      { numRuns: 200 },
    );
  });
});
