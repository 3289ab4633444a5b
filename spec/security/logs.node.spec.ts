import { formatWithOptions } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { NEVER, throwError } from 'rxjs';
import {
  aggregate,
  background,
  type Context,
  HttpError,
  type Logger,
  type RunEvent,
  type Service,
  ValidationError,
  withEvents,
  withLogger,
  withName,
} from '../../lib/index.ts';
import { winstonLogger } from '../../lib/observe/winston.ts';
import { planted, scenarios, tracesOf, wraps } from '../support/secrets.ts';
import { text } from '../support/texts.ts';

/** One line: no character before its end ends it, or controls a terminal. */
const line = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+\n$/u;

describe('security: the lines of winstonLogger', function () {
  this.timeout(60_000);

  const logger = winstonLogger({ level: 'debug' });

  /** The lines that winston writes to stderr during `work`. */
  async function linesDuring(work: () => unknown): Promise<readonly string[]> {
    const lines: string[] = [];
    const { write } = process.stderr;
    process.stderr.write = (chunk: string | Uint8Array): boolean => lines.push(String(chunk)) > 0;
    try {
      await work();
    } finally {
      process.stderr.write = write;
    }
    return lines;
  }

  it('are one line of valid JSON for each event, whatever names, errors, paths and fields contain', async () => {
    const notEmpty = text.filter((value) => value !== '');
    await fc.assert(
      fc.asyncProperty(notEmpty, text, notEmpty, text, async (name, service, words, field) => {
        const events: RunEvent[] = [];
        const failures = [
          Object.assign(new Error(words), { name: words, code: words }),
          words,
          new HttpError({ status: 500, method: words, url: `http://api.test/${words}`, body: words }),
          new ValidationError({ issues: [{ message: words, path: [words] }] }),
        ];
        for (const failure of failures) {
          const services: Record<string, Service<void, never>> = Object.fromEntries([
            ['waits', () => NEVER],
            [service, () => throwError(() => failure)],
          ]);
          const run = aggregate(
            services,
            withName(name),
            withEvents({ next: (event) => events.push(event) }),
            withLogger(logger, { fields: () => ({ [`of ${field}`]: field, list: [field, { [field]: field }] }) }),
          );
          const lines = await linesDuring(() => run(background).subscribe({ error: () => undefined }));
          const reported = events.splice(0);
          expect(lines).to.have.length(reported.length);
          for (const [index, chunk] of lines.entries()) {
            expect(chunk).to.match(line);
            const parsed = JSON.parse(chunk) as Record<string, unknown>;
            const { type, service: ofService } = reported[index]!;
            expect(parsed).to.include({ name, [`of ${field}`]: field });
            expect(parsed['list']).to.deep.equal([field, Object.fromEntries([[field, field]])]);
            expect(parsed['message']).to.match(new RegExp(`^(run|service) ${type}$`));
            if (ofService !== undefined) expect(parsed).to.include({ service: ofService });
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  const wrap = fc.constantFrom(...Object.keys(wraps));
  const scenario = fc.constantFrom(...Object.keys(scenarios));

  it('contain no secret of a request, a response or an error', async () => {
    await fc.assert(
      fc.asyncProperty(planted, scenario, wrap, async (secret, name, how) => {
        const { service } = scenarios[name]!;
        const lines = await linesDuring(() => tracesOf(wraps[how]!(service(secret)), secret, logger));
        expect(lines.length).to.be.greaterThan(2);
        for (const chunk of lines) {
          expect(chunk).to.match(line);
          expect(chunk.toLowerCase()).not.to.include(secret.core);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('contain none if a console prints them, to any depth', async () => {
    await fc.assert(
      fc.asyncProperty(planted, scenario, wrap, async (secret, name, how) => {
        const lines: string[] = [];
        const print = (...args: unknown[]): number => lines.push(formatWithOptions({ depth: Infinity }, ...args));
        const printer: Logger = { debug: print, info: print, warn: print, error: print };
        await tracesOf(wraps[how]!(scenarios[name]!.service(secret)), secret, printer);
        expect(lines.length).to.be.greaterThan(2);
        expect(lines.join('\n').toLowerCase()).not.to.include(secret.core);
      }),
      { numRuns: 200 },
    );
  });

  it('are all written, whatever the fields of the caller are called', async () => {
    const fields = JSON.parse('{"exception":true,"__proto__":{"exception":true},"timestamp":"1970"}') as object;
    const run = aggregate(
      { fails: (_ctx: Context) => throwError(() => 'boom') },
      withLogger(logger, { fields: () => fields }),
    );
    const lines = await linesDuring(() => run(background).subscribe({ error: () => undefined }));
    expect(lines).to.have.length(4);
    for (const chunk of lines) {
      const parsed = JSON.parse(chunk) as Record<string, unknown>;
      expect(parsed).to.include({ exception_: true, timestamp_: '1970' });
      expect(parsed['timestamp'])
        .to.match(/^\d{4}-\d\d-\d\dT/)
        .and.not.to.match(/^1970/);
    }
  });
});
