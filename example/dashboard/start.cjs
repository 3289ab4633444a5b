// Node 20 cannot start a `.ts` file, and ts-node registers itself for CommonJS.
require('ts-node').register({ transpileOnly: true, cwd: module.path });
require('./main.ts');
