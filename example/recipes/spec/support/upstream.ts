import type { RequestListener } from 'node:http';
import { filter, firstValueFrom, ReplaySubject } from 'rxjs';
import { serve } from '../../../../spec/support/servers.ts';

/** The Profile and Order services, and what they saw. */
export interface Upstream {
  readonly url: string;
  /** Resolves when it has seen `asked /profiles/42`, `abandoned /profiles/42`: gone before there was an answer. */
  readonly saw: (...sights: readonly string[]) => Promise<unknown>;
}

const answers: Readonly<Record<string, object>> = { profiles: { name: 'Alice' }, orders: { orders: 5 } };

/**
 * `page` answers what is not theirs. They know user 42. Of a user whose id starts with `slow` they never answer; the profile of `broken` is a 500, and the orders
 * never come.
 */
export async function startUpstream(page: RequestListener = () => undefined): Promise<Upstream> {
  const sights = new ReplaySubject<string>(Infinity);
  const { url } = await serve((request, response) => {
    const path = request.url ?? '';
    const [, service = '', id = ''] = path.split('/');
    sights.next(`asked ${path}`);
    response.on('close', () => {
      if (!response.writableFinished) sights.next(`abandoned ${path}`);
    });
    if (path === '/profiles/broken') response.writeHead(500).end();
    else if (answers[service] === undefined) page(request, response);
    else if (id === '42') response.end(JSON.stringify(answers[service]));
  });
  return {
    url,
    saw: (...expected) =>
      Promise.all(expected.map((sight) => firstValueFrom(sights.pipe(filter((seen) => seen === sight))))),
  };
}
