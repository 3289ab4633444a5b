import { expect } from 'chai';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { firstValueFrom, map, NEVER, of, timer } from 'rxjs';
import { aggregate, type Fetch, type RunEvent, silent, singleFlight, withEvents, withLogger } from '../../lib/index.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Whether it goes when it is collected; until the next turn what was asked for is held. */
async function goes(held: WeakRef<object>): Promise<boolean> {
  for (let times = 0; times < 10 && held.deref(); times++) {
    await firstValueFrom(timer(0));
    collect();
  }
  return held.deref() === undefined;
}

describe('what is shared', () => {
  it('holds no transport that everybody else has let go', async () => {
    const flight = singleFlight(() => of(1));
    const ask = (): WeakRef<Fetch> => {
      const fetch: Fetch = () => Promise.resolve(new Response());
      flight({ fetch }).subscribe();
      return new WeakRef(fetch);
    };
    expect(await goes(ask())).to.equal(true);
  });

  it('holds no signal of who asked first and has left, while others wait', async () => {
    const flight = singleFlight(() => NEVER);
    const ask = (): WeakRef<AbortSignal> => {
      const { signal } = new AbortController();
      const first = flight({ signal }).subscribe();
      flight({}).subscribe();
      first.unsubscribe();
      return new WeakRef(signal);
    };
    expect(await goes(ask())).to.equal(true);
  });
});

describe('who keeps the events of a run', () => {
  it('keeps neither what it was asked nor what it answered, nor those of the run around it', async () => {
    const events: RunEvent[] = [];
    const options = [withLogger(silent), withEvents({ next: (event) => events.push(event) })];
    const ask = async (): Promise<WeakRef<object>[]> => {
      const input = { id: 42 };
      const inner = aggregate({ a: () => timer(1).pipe(map(() => ({ big: 'inner' }))) }, ...options);
      const outer = aggregate({ inner, b: (_ctx, _input: object) => of({ big: 'outer' }) }, ...options);
      const answer = await firstValueFrom(outer({}, input));
      return [input, answer, answer.b, answer.inner.a].map((held) => new WeakRef(held));
    };
    for (const held of await ask()) expect(await goes(held)).to.equal(true);
    expect(events).to.have.length.above(7);
  });
});
