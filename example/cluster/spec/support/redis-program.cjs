// A program that starts a redis-server, and waits until it is killed.
require('ts-node').register({ transpileOnly: true, cwd: module.path });
const { RedisServer } = require('../../driver/redis-server.ts');

RedisServer.start().then(({ url }) => process.send(url));
