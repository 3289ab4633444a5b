// ts-node's hook is CommonJS, and Node 20 cannot start a `.ts` file of an ESM package. Types are checked by `npm run typecheck`.
require('ts-node').register({ transpileOnly: true, cwd: module.path });
require('./hop.ts');
