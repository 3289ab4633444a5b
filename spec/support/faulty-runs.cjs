// ts-node's hook is CommonJS, and Node 20 starts no `.ts` in an ESM package: a program starts here. Types: `npm run typecheck`.
require('ts-node').register({ transpileOnly: true, cwd: module.path });
require('./faulty-runs.ts');
