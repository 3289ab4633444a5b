import { createDashboard } from '../dashboard.ts';

/** Uses the API at the origin of the page. The default timeout of a run is 30 s, and `withTimeout` changes it. */
export const dashboard = createDashboard('/');
