import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type LocalRedis } from 'local-redis';
import { pasteUsers, rulesOf } from './acl-users.js';
import { EveryWay, FOREIGN_LIST } from './every-way.js';

const USER = 'shop';

let redis: LocalRedis;
let operator: Redis;
let everyWay: EveryWay | undefined;

beforeAll(async () => {
  redis = await startRedis();
  operator = new Redis(redis.url);
});

afterAll(async () => {
  operator.disconnect();
  await redis.stop();
});

beforeEach(async () => {
  await operator.flushall();
  await operator.script('FLUSH');
});

afterEach(() => everyWay?.close());

async function doEverything(url: string): Promise<void> {
  const urls = { producer: url, consumer: url, administrator: url, observer: url };
  everyWay = new EveryWay(operator, urls);
  await everyWay.run();
}

describe('the user for everything in docs/permissions.md', () => {
  test('may do everything that the library does', async () => {
    await pasteUsers(redis, USER);
    await operator.call('ACL', 'SETUSER', USER, `~${FOREIGN_LIST}`);
    await operator.call('ACL', 'LOG', 'RESET');

    await doEverything(`redis://${USER}:secret@127.0.0.1:${redis.port}`);

    expect(await operator.call('ACL', 'LOG')).toEqual([]);
  });

  test('may do nothing else', async () => {
    await operator.config('RESETSTAT');

    await doEverything(redis.url);

    const statistics = await operator.info('commandstats');
    // A repair of lanes does without SCAN if it may not.
    const ours = /^cmdstat_(config\|resetstat|flushall|script\|flush|keys|scan)$/;
    const called = [...statistics.matchAll(/^(cmdstat_[^:]+):/gm)]
      .map(([, name = '']) => name)
      .filter((name) => !ours.test(name))
      .map((name) => name.replace('cmdstat_', ''));
    const allowed = (await rulesOf(USER))
      .filter((rule) => rule.startsWith('+'))
      .map((rule) => rule.slice(1));
    // PING comes every five seconds, which is longer than this test takes; ZRANDMEMBER, if a consumer that was asleep leaves
    // messages to others.
    const sometimes = ['ping', 'zrandmember'];
    expect(allowed.toSorted()).toEqual([...new Set([...called, ...sometimes])].toSorted());
  });
});
