export { withMetrics } from './metrics.ts';
export { propagateTrace } from './propagate-trace.ts';
export { withTracing } from './tracing.ts';
