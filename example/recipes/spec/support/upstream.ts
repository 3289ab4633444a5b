import type { RequestListener } from 'node:http';
import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { serve } from '../../../../spec/support/servers.ts';

/** The Profile and Order services, and their requests. */
export interface Upstream {
  readonly url: string;
  /** Resolves after all these events: `opened /profiles/42`, or `abandoned /profiles/42` if it closed before the response. */
  readonly received: (...events: readonly string[]) => Promise<unknown>;
}

const answers: Readonly<Record<string, object>> = { profiles: { name: 'Alice' }, orders: { orders: 5 } };

/**
 * The services know the user 42. For the user `broken`, Profile responds with a 500. All other requests to the services stay open.
 * `page` handles all other paths.
 */
export async function startUpstream(page: RequestListener = () => undefined): Promise<Upstream> {
  const events = new ReplaySubject<string>(Infinity);
  const { url } = await serve((request, response) => {
    const path = request.url ?? '';
    const [, service = '', id = ''] = path.split('/');
    events.next(`opened ${path}`);
    response.on('close', () => {
      if (!response.writableFinished) events.next(`abandoned ${path}`);
    });
    if (path === '/profiles/broken') response.writeHead(500).end();
    else if (answers[service] === undefined) page(request, response);
    else if (id === '42') response.end(JSON.stringify(answers[service]));
  });
  return {
    url,
    received: (...expected) =>
      Promise.all(expected.map((wanted) => firstValueFrom(events.pipe(filter((event) => event === wanted))))),
  };
}
