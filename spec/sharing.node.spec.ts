import { expect } from 'chai';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { firstValueFrom, of, timer } from 'rxjs';
import { type Fetch, singleFlight } from '../lib/index.ts';

describe('what is shared', () => {
  it('holds no transport that everybody else has let go', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const flight = singleFlight(() => of(1));
    const ask = (): WeakRef<Fetch> => {
      const fetch: Fetch = () => Promise.resolve(new Response());
      flight({ fetch }).subscribe();
      return new WeakRef(fetch);
    };
    const transport = ask();
    for (let times = 0; times < 10 && transport.deref(); times++) {
      await firstValueFrom(timer(0)); // until then what was asked for is held
      collect();
    }
    expect(transport.deref()).to.equal(undefined);
  });
});
