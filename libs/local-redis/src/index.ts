export { findChromium } from './find-chromium.js';
export { findPython } from './find-python.js';
export { findRedisServer } from './find-redis-server.js';
export { findFreePort } from './free-port.js';
export { redisUrl, withoutPassword } from './redis-url.js';
export type { RedisUrl, RedisUrlOptions } from './redis-url.js';
export { startRedis } from './start-redis.js';
export type { LocalRedis, StartRedisOptions } from './start-redis.js';
