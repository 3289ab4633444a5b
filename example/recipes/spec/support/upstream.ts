import type { RequestListener } from 'node:http';
import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { serve } from '../../../../spec/support/servers.ts';

/** The Profile and Order services, and their requests. */
export interface Upstream {
  readonly url: string;
  /** Resolves after all these events: `opened /profiles/42`, or `abandoned /profiles/42` if it closed before the response. */
  readonly received: (...events: readonly string[]) => Promise<unknown>;
  /** Answers the open request for a path. */
  readonly answer: (path: string) => void;
}

const answers: Readonly<Record<string, object>> = { profiles: { name: 'Alice' }, orders: { orders: 5 } };

/** The requests that are answered at once, and their status. */
const statuses: Readonly<Record<string, number>> = {
  '/profiles/42': 200,
  '/orders/42': 200,
  '/profiles/partial': 200,
  '/profiles/poor': 200,
  '/orders/poor': 500,
  '/profiles/broken': 500,
};

/** The services leave all requests open that have no status. `page` handles all other paths. */
export async function startUpstream(page: RequestListener = () => undefined): Promise<Upstream> {
  const open = new Map<string, () => void>();
  const events = new ReplaySubject<string>(Infinity);
  const { url } = await serve((request, response) => {
    const path = request.url ?? '';
    const [, service = ''] = path.split('/');
    events.next(`opened ${path}`);
    response.on('close', () => {
      if (!response.writableFinished) events.next(`abandoned ${path}`);
    });
    const body = answers[service];
    const answer = (): void => {
      response.end(JSON.stringify(body));
    };
    if (body === undefined) page(request, response);
    else if (statuses[path] === undefined) open.set(path, answer);
    else {
      response.statusCode = statuses[path];
      answer();
    }
  });
  return {
    url,
    answer: (path) => open.get(path)?.(),
    received: (...expected) =>
      Promise.all(expected.map((wanted) => firstValueFrom(events.pipe(filter((event) => event === wanted))))),
  };
}
