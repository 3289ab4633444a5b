// Node 20 cannot start a `.ts` file, and ts-node registers itself for CommonJS.
require('ts-node').register({ transpileOnly: true, cwd: module.path });
// The upstream runs in its own thread, so that the work of the strategies does not slow it down.
if (require('node:worker_threads').isMainThread) require('./main.ts');
else require('./upstream.ts');
