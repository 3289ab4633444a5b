// ts-node's hook is CommonJS, and Node 20 starts no `.ts` in an ESM package: a program starts here. Types: `npm run typecheck`.
require('ts-node').register({ transpileOnly: true, cwd: module.path });
// The upstream has a thread of its own: what the strategies cost the asker must not slow it down.
if (require('node:worker_threads').isMainThread) require('./main.ts');
else require('./upstream.ts');
