import { expect } from 'chai';
import { of } from 'rxjs';
import { aggregate, background, withLogger, withName } from '../../lib/index.ts';
import { recordingLogger } from '../../lib/testing/index.ts';

describe('recordingLogger', () => {
  it('keeps the lines of all levels in order', () => {
    const logger = recordingLogger();
    for (const level of ['error', 'debug', 'warn', 'info'] as const) logger[level](`at ${level}`, { level });
    expect(logger.lines).to.deep.equal(
      ['error', 'debug', 'warn', 'info'].map((level) => ({ level, message: `at ${level}`, fields: { level } })),
    );
  });

  it('keeps the lines of its own runs only', () => {
    const [logger, other] = [recordingLogger(), recordingLogger()];
    aggregate({ profile: () => of('Alice') }, withLogger(logger), withName('dashboard'))(background).subscribe();
    expect(logger.lines.map(({ message, fields }) => [message, fields['name'], fields['service']])).to.deep.equal([
      ['run started', 'dashboard', undefined],
      ['service started', 'dashboard', 'profile'],
      ['service succeeded', 'dashboard', 'profile'],
      ['run succeeded', 'dashboard', undefined],
    ]);
    expect(other.lines).to.deep.equal([]);
  });
});
