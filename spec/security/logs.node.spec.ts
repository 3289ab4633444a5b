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
import { createDefaultLogger } from '../../lib/observe/winston.ts';
import { planted, stories, tell, wraps } from '../support/secrets.ts';
import { text } from '../support/texts.ts';

/** What may stand in a line: all but what ends it, and what a terminal obeys. */
const line = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+\n$/u;

describe('security: the lines of the default logger', function () {
  this.timeout(60_000);

  const { LOG_LEVEL: level } = process.env;
  const logger = createDefaultLogger();
  const chunks: string[] = [];

  /** What is written while `work` is done. */
  async function written(work: () => unknown): Promise<readonly string[]> {
    const { write } = process.stderr;
    process.stderr.write = (chunk: string | Uint8Array): boolean => chunks.push(String(chunk)) > 0;
    try {
      await work();
    } finally {
      process.stderr.write = write;
    }
    return chunks.splice(0);
  }

  before(async () => {
    process.env['LOG_LEVEL'] = 'debug';
    expect(await written(() => logger.debug('made', {}))).to.have.length(1);
  });
  after(() => {
    if (level === undefined) delete process.env['LOG_LEVEL'];
    else process.env['LOG_LEVEL'] = level;
  });

  it('are one for each event, JSON that reads back, whatever is in names, errors, paths and fields', async () => {
    const said = text.filter((given) => given !== '');
    await fc.assert(
      fc.asyncProperty(said, text, said, text, async (name, service, words, field) => {
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
          const ask = aggregate(
            services,
            withName(name),
            withEvents({ next: (event) => events.push(event) }),
            withLogger(logger, () => ({ [`of ${field}`]: field, list: [field, { [field]: field }] })),
          );
          const lines = await written(() => ask(background).subscribe({ error: () => undefined }));
          const told = events.splice(0);
          expect(lines).to.have.length(told.length);
          for (const [index, chunk] of lines.entries()) {
            expect(chunk).to.match(line);
            const parsed = JSON.parse(chunk) as Record<string, unknown>;
            const { type, service: asked } = told[index]!;
            expect(parsed).to.include({ name, [`of ${field}`]: field });
            expect(parsed['list']).to.deep.equal([field, Object.fromEntries([[field, field]])]);
            expect(parsed['message']).to.match(new RegExp(`^(run|service) ${type}$`));
            if (asked !== undefined) expect(parsed).to.include({ service: asked });
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  const wrap = fc.constantFrom(...Object.keys(wraps));
  const story = fc.constantFrom(...Object.keys(stories));

  it('hold no secret of what was sent, answered or thrown', async () => {
    await fc.assert(
      fc.asyncProperty(planted, story, wrap, async (secret, name, how) => {
        const { service } = stories[name]!;
        const lines = await written(() => tell(wraps[how]!(service(secret)), secret, logger));
        expect(lines.length).to.be.greaterThan(2);
        for (const chunk of lines) {
          expect(chunk).to.match(line);
          expect(chunk.toLowerCase()).not.to.include(secret.core);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('hold none as a console prints them, to any depth', async () => {
    await fc.assert(
      fc.asyncProperty(planted, story, wrap, async (secret, name, how) => {
        const lines: string[] = [];
        const print = (...line: unknown[]): number => lines.push(formatWithOptions({ depth: Infinity }, ...line));
        const printer: Logger = { debug: print, info: print, warn: print, error: print };
        await tell(wraps[how]!(stories[name]!.service(secret)), secret, printer);
        expect(lines.length).to.be.greaterThan(2);
        expect(lines.join('\n').toLowerCase()).not.to.include(secret.core);
      }),
      { numRuns: 200 },
    );
  });

  it('are not lost to what a field is called', async () => {
    const fields = JSON.parse('{"exception":true,"__proto__":{"exception":true},"timestamp":"1970"}') as object;
    const ask = aggregate(
      { fails: (_ctx: Context) => throwError(() => 'boom') },
      withLogger(logger, () => fields),
    );
    const lines = await written(() => ask(background).subscribe({ error: () => undefined }));
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
