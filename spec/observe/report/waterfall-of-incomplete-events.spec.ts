import { expect } from 'chai';
import { aggregate, withConcurrency, withName } from '../../../lib/index.ts';
import { waterfall } from '../../../lib/observe/report/index.ts';
import { after, event, lines, story } from '../../support/story.ts';

describe('waterfall of incomplete events', () => {
  const events = story((recorded) => {
    const inner = aggregate({ slow: after(60) }, recorded, withName('inner'));
    return aggregate({ quick: after(10), inner, late: after(20) }, recorded, withConcurrency(2));
  });

  it('draws a run in flight as running, up to the latest event', () => {
    expect(waterfall(events.filter(({ at }) => at <= 30))).to.equal(lines`
      aggregate 30 ms  running
        quick     ███████░░░░░░░░░░░░░  10 ms  ok
        inner     ████████████████████  30 ms  running
          inner   ████████████████████  30 ms  running
            slow  ████████████████████  30 ms  running
        late      ░░░░░░░█████████████  20 ms  ok
    `);
  });

  it('takes the start of the run for a missing start', () => {
    expect(waterfall(events.filter(({ type }) => type !== 'started'))).to.equal(lines`
      aggregate 60 ms  ok
        quick     ███░░░░░░░░░░░░░░░░░  10 ms  ok
        late      ██████████░░░░░░░░░░  30 ms  ok
        inner     ████████████████████  60 ms  ok
          inner   ████████████████████  60 ms  ok
            slow  ████████████████████  60 ms  ok
    `);
  });

  it('takes the end of the run for the missing end of a service, and the latest event for that of a run', () => {
    expect(waterfall(events.filter(({ type, name }) => type === 'started' || name === 'inner'))).to.equal(lines`
      aggregate 60 ms  running
        quick     ████████████████████  60 ms  running
        inner     ████████████████████  60 ms  running
          inner   ████████████████████  60 ms  ok
            slow  ████████████████████  60 ms  ok
        late      ░░░█████████████████  50 ms  running
    `);
    const inner = events.filter(({ type, name, service }) => name === 'inner' && (type === 'started' || !service));
    expect(waterfall([...inner, event({ run: Infinity, name: 'later', at: 1_000 })])).to.equal(lines`
      inner 60 ms  ok
        slow  ████████████████████  60 ms  running
      later 0 ms  running
    `);
  });

  it('needs only the events of the services of a run, or only those of the run', () => {
    expect(waterfall(events.filter(({ name, service }) => name === 'inner' && service))).to.equal(lines`
      inner 60 ms  running
        slow  ████████████████████  60 ms  ok
    `);
    expect(waterfall(events.filter(({ service }) => !service))).to.equal(lines`
      aggregate 60 ms  ok
        inner  ████████████████████  60 ms  ok
    `);
  });

  it('draws a nested run on its own if the outer run has no sink', () => {
    const inner = story((recorded) => aggregate({ inner: aggregate({ a: after(10) }, recorded, withName('inner')) }));
    expect(waterfall(inner)).to.equal(lines`
      inner 10 ms  ok
        a  ████████████████████  10 ms  ok
    `);
  });

  it('ends at the latest time if the wall clock has jumped back', () => {
    expect(waterfall([event({}), event({ at: 5, service: 'a' }), event({ at: 2, service: 'b' })])).to.equal(lines`
      run 5 ms  running
        a  ░░░░░░░░░░░░░░░░░░░█  0 ms  running
        b  ░░░░░░░░████████████  3 ms  running
    `);
  });

  it('rounds durations to one decimal, and never goes below 0', () => {
    const jumping = [
      event({ at: 1_000 }),
      event({ at: 1_000.04, service: 'a' }),
      event({ at: 1_012.37, service: 'a', type: 'succeeded' }),
      event({ at: 1_012.37, service: 'b' }),
      event({ at: 999, service: 'b', type: 'succeeded' }),
      event({ at: 998, type: 'succeeded' }),
    ];
    expect(waterfall(jumping)).to.equal(lines`
      run 0 ms  ok
        a  ░███████████████████  12.3 ms  ok
        b  ░░░░░░░░░░░░░░░░░░░█     0 ms  ok
    `);
  });
});
