import { expect } from 'chai';
import { firstValueFrom, type Observable, retry, switchMap, take } from 'rxjs';
import { aggregate, type AggregateOption, aggregateEach, backoff, type Context, type Fetch } from 'forkfast';
import { fetchEvents, fetchJson, hedge, type RunEvent, withEvents, withTimeout } from 'forkfast';
import { withTracing } from 'forkfast/opentelemetry';
import { waterfall } from 'forkfast/report';
import { exporting } from '../../support/exported.ts';
import { waitsOf } from '../../support/waits.ts';

/** A transport that fails the first requests to each path with a 503. */
function failing(times: number): Fetch {
  const requests = new Map<string, number>();
  return (url) => {
    const { pathname } = new URL(url);
    requests.set(pathname, (requests.get(pathname) ?? 0) + 1);
    return Promise.resolve(
      (requests.get(pathname) ?? 0) <= times ? new Response('', { status: 503 }) : Response.json({}),
    );
  };
}

const plain = (ctx: Context) => fetchJson(ctx, 'http://api.test/plain');
const retried = (ctx: Context) =>
  fetchJson(ctx, 'http://api.test/retried').pipe(retry({ count: 3, delay: backoff(ctx, { initialDelay: 0 }) }));

/** The resends of each service, from the events at the end of services and from the spans. */
async function resendsOf(
  run: (...options: AggregateOption[]) => (ctx: Context) => Observable<unknown>,
  ctx: Context,
): Promise<{ events: Record<string, unknown>; spans: Record<string, unknown> }> {
  const events: Record<string, unknown> = {};
  const next = ({ type, service, name, resends }: RunEvent): void => {
    if (type !== 'started') events[service ?? name] = resends;
  };
  const exported = exporting();
  const tracing = withTracing(exported.provider.getTracer('a test'));
  await firstValueFrom(run(tracing, withEvents({ next }))(ctx)).catch(() => undefined);
  const spans: Record<string, unknown> = Object.fromEntries(
    exported.spans.map(({ attributes }) => [
      String(attributes['forkfast.service.name'] ?? 'aggregate'),
      attributes['http.request.resend_count'],
    ]),
  );
  return { events, spans };
}

describe('the requests that a service sends again', () => {
  it('are counted in its span and in the event at its end, and nowhere else', async () => {
    const { events, spans } = await resendsOf((...options) => aggregate({ retried }, ...options), {
      fetch: failing(2),
    });
    expect(events).to.deep.equal({ retried: 2, aggregate: undefined });
    expect(spans).to.deep.equal({ retried: 2, aggregate: undefined });
  });

  it('are counted for a stream that connects again, whose span and bar go on', async () => {
    let requests = 0;
    const fetch: Fetch = () => {
      if (++requests === 1) return Promise.resolve(new Response('', { status: 503 }));
      return Promise.resolve(new Response('data: 1\n\n', { headers: { 'content-type': 'text/event-stream' } }));
    };
    const live = (own: Context) => fetchEvents(own, 'http://api.test/live', { reconnect: true }).pipe(take(1));
    const seen: RunEvent[] = [];
    const sink = withEvents({ next: (event) => seen.push(event) });
    await waitsOf(async () => {
      const { events, spans } = await resendsOf(
        (...options) => aggregate({ live }, sink, withTimeout(Infinity), ...options),
        { fetch },
      );
      expect(events).to.deep.equal({ live: 1, aggregate: undefined });
      expect(spans).to.deep.equal({ live: 1, aggregate: undefined });
    });
    const upToFailure = seen.slice(0, seen.findIndex(({ type }) => type === 'reconnecting') + 1);
    expect(waterfall(upToFailure)).to.match(/live .*running/);
  });

  it('are absent where nothing is sent again', async () => {
    const { events, spans } = await resendsOf((...options) => aggregate({ plain, retried }, ...options), {
      fetch: failing(0),
    });
    expect(events).to.deep.equal({ plain: undefined, retried: undefined, aggregate: undefined });
    expect(spans).to.deep.equal({ plain: undefined, retried: undefined, aggregate: undefined });
  });

  it('are counted where the service fails', async () => {
    const { events, spans } = await resendsOf((...options) => aggregate({ retried }, ...options), {
      fetch: failing(9),
    });
    expect([events['retried'], spans['retried']]).to.deep.equal([3, 3]);
  });

  it('are counted for a hedge, and for each service of a nested aggregate', async () => {
    let requests = 0;
    const hanging: Fetch = () => (++requests === 1 ? new Promise(() => undefined) : Promise.resolve(Response.json({})));
    const hedged = (ctx: Context) => fetchJson(ctx, 'http://api.test/hedged').pipe(hedge({ after: 1 }));
    const { spans } = await resendsOf((...options) => aggregate({ page: aggregate({ hedged }, ...options) }), {
      fetch: hanging,
    });
    expect(spans).to.deep.equal({ hedged: 1, aggregate: undefined });
  });

  it('are counted for each input', async () => {
    const each = (...options: AggregateOption[]) => {
      const all = aggregateEach(
        (ctx: Context, id: number) =>
          id === 1 ? retried(ctx) : fetchJson(ctx, 'http://api.test/other').pipe(retry({ count: 1 })),
        ...options,
      );
      return (ctx: Context) => all(ctx, [0, 1]);
    };
    const { events } = await resendsOf(each, { fetch: failing(1) });
    expect(events).to.deep.equal({ '[0]': 1, '[1]': 1, aggregate: undefined });
  });

  it('are not the several requests of one service', async () => {
    const chain = (ctx: Context) => plain(ctx).pipe(switchMap(() => plain(ctx)));
    const { spans } = await resendsOf((...options) => aggregate({ chain }, ...options), { fetch: failing(0) });
    expect(spans).to.deep.equal({ chain: undefined, aggregate: undefined });
  });
});
