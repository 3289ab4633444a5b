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

const wrapNames = fc.constantFrom(...Object.keys(wraps));

/** Fails if a printed text contains the secret. */
function expectNoSecret({ core }: Planted, printed: Readonly<Record<string, unknown>>): void {
  for (const [source, text] of Object.entries(printed)) {
    if (String(text).toLowerCase().includes(core)) expect.fail(`a secret is in ${source}: ${String(text)}`);
  }
}

/** The code of a run's failure, or the name of a foreign cause. */
function codeOf(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  const { cause } = error as ServiceError;
  if (cause instanceof ForkfastError) return cause.code;
  return cause instanceof Error ? cause.name : typeof cause;
}

describe('security of secrets', function () {
  this.timeout(60_000);

  expectNoUnhandledRejections();

  for (const [name, { fails, quotes, service }] of Object.entries(scenarios)) {
    it(`keeps a secret out of all logs for ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(planted, wrapNames, async (secret, wrapName) => {
          const logger = recordingLogger();
          const { error, events } = await tracesOf(wraps[wrapName]!(service(secret)), secret, logger);
          expect(codeOf(error), wrapName).to.equal(fails);
          expect(events).to.have.length.above(2);
          expect(logger.lines).to.have.length.above(2);
          expectNoSecret(secret, {
            'the error as JSON': JSON.stringify(error),
            'the events as JSON': JSON.stringify(events),
            'the log': JSON.stringify(logger.lines),
          });
          if (quotes) return;
          expectNoSecret(secret, {
            'the message': error,
            'the message of the cause': (error as Error | undefined)?.cause,
          });
        }),
        { numRuns: 30 },
      );
    });
  }

  const reasons: readonly ((text: string) => unknown)[] = [
    (text) => text,
    (text) => new Error(text),
    (text) => ({ name: text, code: text, [text]: text }),
    (text) => Symbol(text),
    (text) => [text],
    () => undefined,
  ];
  for (const [title, expected, cancels] of [
    ['passed deadline', DeadlineExceededError, false],
    ['cancellation for any reason', CanceledError, true],
  ] as const) {
    it(`keeps a secret out of all logs for a ${title}`, () => {
      fc.assert(
        fc.property(planted, wrapNames, fc.constantFrom(...reasons), (secret, wrapName, reasonOf) => {
          const { line, text } = secret;
          const logger = recordingLogger();
          const { events, next } = recordEvents();
          const controller = new AbortController();
          const signals: AbortSignal[] = [];
          const waiting = (ctx: Context, input: string): Observable<unknown> => {
            signals.push(ctx.signal!);
            return fetchJson(ctx, `http://api.test/?${encodeURIComponent(input)}`, { headers: { cookie: line } });
          };
          let error: unknown;
          marbles(({ flush }) => {
            const page = aggregate(
              { waiting: wraps[wrapName]!(waiting), other: () => of(text) },
              withTimeout(10),
              withLogger(logger),
              withEvents({ next }),
            );
            const ctx = {
              propagate: { authorization: line },
              fetch: () => new Promise<never>(() => undefined),
              signal: controller.signal,
            };
            page(ctx, text).subscribe({ error: (given: unknown) => (error = given) });
            if (cancels) controller.abort(reasonOf(text));
            flush();
          });
          expect(error).to.be.instanceOf(expected);
          expectNoSecret(secret, {
            'the error as JSON': JSON.stringify(error),
            'the events as JSON': JSON.stringify(events),
            'the log': JSON.stringify(logger.lines),
            'the message': error,
            'the reason of a signal': JSON.stringify(signals.map(({ reason }) => reason as unknown)),
          });
        }),
        { numRuns: 200 },
      );
    });
  }
});
