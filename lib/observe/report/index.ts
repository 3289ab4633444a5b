export { serverTiming } from './server-timing.ts';
export { waterfall } from './waterfall.ts';
export type { WaterfallConfig } from './waterfall.ts';
