import { background, fetchJson } from 'forkfast';
import { map } from 'rxjs';
import type { Upstreams } from '../users.ts';
import { httpServices } from './http-services.ts';
import { showPage } from './page.ts';

showPage(() => fetchJson<Upstreams>(background, '/page.json').pipe(map(httpServices)));
