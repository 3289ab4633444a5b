import type { Fetch, Service } from 'forkfast';
import type { Observable } from 'rxjs';
import type { Upstreams } from '../users.ts';
import type { Requests } from './requests.ts';
import type { Presets, Settings } from './settings.ts';

/** The two services that the page calls, and how it controls and watches them. */
export interface Services extends Upstreams {
  /** The transport to the services. */
  readonly fetch: Fetch;
  /** The requests that the services have received. Emits at once, and never completes. */
  readonly requests: Observable<Requests>;
  /** Sets how the services behave from now on. */
  readonly setBehaviors: Service<Pick<Settings, 'profile' | 'orders'>, unknown>;
  /** The values of the controls for each preset button. */
  readonly presets: Presets;
}
