import { expect } from 'chai';
import fc from 'fast-check';
import { NEVER, Observable, throwError } from 'rxjs';
import {
  aggregate,
  background,
  type Context,
  ForkfastError,
  HttpError,
  type LogConfig,
  optional,
  type Service,
  ValidationError,
  withLogger,
} from '../../lib/index.ts';
import { type LogLine, recordingLogger } from '../../lib/testing/index.ts';
import { oddErrors, oddServiceErrors } from '../support/odd-errors.ts';
import { planted, scenarios, tracesOf, wraps } from '../support/secrets.ts';

const ignored = { error: () => undefined };

function linesOf(service: Service<void, unknown>, config: LogConfig = { errors: 'full' }): readonly LogLine[] {
  const logger = recordingLogger();
  aggregate({ profile: service }, withLogger(logger, config))(background).subscribe(ignored);
  return logger.lines;
}

interface Shown {
  readonly message: string;
  readonly stack: string;
}

function shownAt(level: LogLine['level'], lines: readonly LogLine[]): Shown {
  const shown = lines.filter((line) => line.level === level && line.fields['error'] !== undefined);
  expect(shown).to.have.length(1);
  return shown[0]?.fields['error'] as Shown;
}

/** A mistake as users make it. */
function profileOf(user: { readonly name: string } | undefined): string {
  return user!.name;
}
const buggy = (): never => profileOf(undefined) as never;

describe("a log with `errors: 'full'`", () => {
  it('shows the message and the place of a mistake in a service, on the line of the failed run', () => {
    const { message, stack } = shownAt('error', linesOf(buggy));
    expect(message).to.match(/^profile: .*undefined/);
    expect(stack).to.match(/^ServiceError: profile: .*undefined.*\ncaused by: TypeError: .*undefined/);
    expect(stack).to.match(/caused by: TypeError[^]*profileOf/);
  });

  it('shows all causes, each with its stack, and no frames of forkfast', () => {
    const query = new RangeError('no such row');
    const error = new Error('the query failed', { cause: query });
    const { stack } = shownAt(
      'error',
      linesOf(() => throwError(() => error)),
    );
    expect(stack).to.equal(
      `ServiceError: profile: the query failed\ncaused by: ${String(error.stack)}\ncaused by: ${String(query.stack)}`,
    );
  });

  it('keeps the safe fields beside the message and the stack', () => {
    const [safe, full] = (['safe', 'full'] as const).map((errors) => shownAt('error', linesOf(buggy, { errors })));
    const { message, stack, ...others } = full!;
    const { message: summary, ...expected } = safe!;
    expect(summary).to.equal('profile: TypeError');
    expect(others).to.deep.equal({ ...expected, elapsed: (others as { elapsed?: number }).elapsed });
    expect(message).not.to.equal(summary);
    expect(safe).not.to.have.property('stack');
  });

  it('shows the error of each other line: a service, an optional service, a teardown, the fields', () => {
    const boom = new Error('boom');
    const fails = (): Observable<never> => throwError(() => boom);
    const torn = (): Observable<never> =>
      new Observable((subscriber) => {
        subscriber.error(new Error('other'));
        return () => {
          throw boom;
        };
      });
    const shown = { name: 'Error', message: 'boom', stack: boom.stack };
    const lines = (service: Service<void, unknown>, message: string): unknown =>
      linesOf(service).find((line) => line.message === message)?.fields['error'];
    expect(lines(fails, 'service failed')).to.deep.equal(shown);
    expect(lines(optional(fails), 'service failed')).to.deep.equal(shown);
    expect(lines(torn, 'teardown failed')).to.deep.equal(shown);
    const fields = (): never => {
      throw boom;
    };
    for (const line of linesOf(fails, { errors: 'full', fields })) {
      expect(line.fields['fieldsError']).to.deep.equal(shown);
    }
  });

  it('shows a thrown text, and only the type of a thrown object', () => {
    for (const [thrown, message, stack] of [
      ['no such user', 'profile: no such user', 'caused by: no such user'],
      [{ token: 'secret' }, 'profile: failed with an instance of Object', 'caused by: an instance of Object'],
      [undefined, 'profile: failed with undefined', 'ServiceError: profile: failed with undefined'],
    ] as const) {
      const shown = shownAt(
        'error',
        linesOf(() => throwError(() => thrown)),
      );
      expect(shown.message).to.equal(message);
      expect(shown.stack).to.contain(stack);
      expect(JSON.stringify(shown)).not.to.contain('secret');
    }
  });

  it('shows the stacks of engines that do not repeat the message in the stack', () => {
    const error = Object.assign(new Error('boom'), { stack: 'profile@app.js:1:2\n@app.js:3:4' });
    const { stack } = shownAt(
      'error',
      linesOf(() => throwError(() => error)),
    );
    expect(stack).to.equal('ServiceError: profile: boom\ncaused by: Error: boom\nprofile@app.js:1:2\n@app.js:3:4');
  });

  it('shows the issues of a value that does not fit its schema', () => {
    const error = new ValidationError({ issues: [{ message: 'expected a string, received 7', path: ['name'] }] });
    const { message } = shownAt(
      'error',
      linesOf(() => throwError(() => error)),
    );
    expect(message).to.equal('profile: name: expected a string, received 7');
  });

  it('shows neither the body nor the headers of a response', () => {
    const headers = new Headers({ 'set-cookie': 'secret' });
    const error = new HttpError({ status: 500, method: 'GET', url: 'http://api.test/', body: 'secret', headers });
    const logger = recordingLogger();
    aggregate(
      { a: () => throwError(() => error) },
      withLogger(logger, { errors: 'full' }),
    )(background).subscribe(ignored);
    const printed = JSON.stringify(logger.lines);
    expect(printed).to.contain('HTTP 500 from GET http://api.test/').and.not.to.contain('secret');
  });

  it('shows a secret only where an error that is not of forkfast quotes it', async () => {
    const names = fc.constantFrom(...Object.keys(scenarios));
    const wrapNames = fc.constantFrom(...Object.keys(wraps));
    let clean = 0;
    await fc.assert(
      fc.asyncProperty(planted, names, wrapNames, async (secret, name, wrapName) => {
        const logger = recordingLogger();
        const { error } = await tracesOf(wraps[wrapName]!(scenarios[name]!.service(secret)), secret, logger, 'full');
        const quotes = chainOf(error).some(
          (each) =>
            (!(each instanceof ForkfastError) || each instanceof ValidationError) && textOf(each).includes(secret.core),
        );
        if (quotes) return;
        clean++;
        // The teardown and the fields of `tracesOf` throw errors of a client library.
        const ofRun = logger.lines.filter(({ message }) => message === 'run failed' || message === 'service failed');
        const printed = JSON.stringify(ofRun.map(({ fields: { fieldsError, ...fields } }) => fields));
        expect(printed.toLowerCase(), name).not.to.contain(secret.core);
      }),
      { numRuns: 300 },
    );
    expect(clean).to.be.above(100);
  }).timeout(60_000);

  it('has a bound, however long the messages and the chain are', () => {
    const long = 'n'.repeat(1e6);
    let error = new Error(long);
    for (let depth = 0; depth < 100; depth++) {
      error = Object.assign(new Error(long, { cause: error }), { stack: long });
    }
    for (const { fields } of linesOf(() => throwError(() => error))) {
      expect(JSON.stringify(fields)).to.have.length.below(25_000);
    }
  });

  it('survives whatever a service throws, and shows what can be read', () => {
    for (const [what, error] of [...oddErrors, ...oddServiceErrors]) {
      const { message, stack } = shownAt(
        'error',
        linesOf(() => throwError(() => error)),
      );
      expect(message, what)
        .to.be.a('string')
        .and.match(/^profile/);
      expect(stack, what)
        .to.be.a('string')
        .and.match(/profile/);
    }
  });

  it('ends for a circle of causes', () => {
    const error = new Error('outer');
    error.cause = new Error('inner', { cause: error });
    const { stack } = shownAt(
      'error',
      linesOf(() => throwError(() => error)),
    );
    expect(stack.match(/caused by: /g)).to.have.length(2);
  });

  it('is not read for a line that is not due', () => {
    let reads = 0;
    const error = Object.defineProperty(new Error('boom'), 'stack', { get: () => String(++reads) });
    const logger = { ...recordingLogger(), isLevelEnabled: () => false };
    const service = optional((_ctx: Context) => throwError(() => error));
    const dashboard = aggregate({ waits: () => NEVER, service }, withLogger(logger, { errors: 'full' }));
    dashboard(background).subscribe().unsubscribe();
    expect(logger.lines).to.have.length(1);
    expect(reads).to.equal(1);
  });
});

describe('withLogger', () => {
  it('says what is wrong with its second argument', () => {
    const fix = "pass { errors: 'full' } or { fields: (ctx, input) => ({ ... }) }";
    for (const [config, message] of [
      [() => ({}), `withLogger: expected an object, got a function: ${fix}`],
      ['full', `withLogger: expected an object, got a string: ${fix}`],
      [null, `withLogger: expected an object, got null: ${fix}`],
      [{ errors: true }, "withLogger: errors: expected 'safe' or 'full', got a boolean"],
      [{ errors: 'all' }, "withLogger: errors: expected 'safe' or 'full', got a string"],
      [{ fields: {} }, 'withLogger: fields: expected a function, got an instance of Object'],
    ] as const) {
      expect(() => withLogger(recordingLogger(), config as LogConfig))
        .to.throw(TypeError)
        .with.property('message', message);
    }
  });

  it('keeps its configuration, whatever changes the object later', () => {
    const logger = recordingLogger();
    const config: { errors: 'safe' | 'full' } = { errors: 'safe' };
    const dashboard = aggregate({ buggy }, withLogger(logger, config));
    config.errors = 'full';
    dashboard(background).subscribe(ignored);
    for (const { fields } of logger.lines) expect(fields['error'] ?? {}).not.to.have.property('stack');
  });
});

function chainOf(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (let each = error; each !== undefined && chain.length < 10; each = (each as Error | null)?.cause)
    chain.push(each);
  return chain;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).toLowerCase();
  return `${error.message} ${String(error.stack)}`.toLowerCase();
}
