import { createDashboard } from '../dashboard.ts';

/** Of the API at the page's own origin. A run's deadline is 30 s by default: `withTimeout` sets another. */
export const dashboard = createDashboard('/');
