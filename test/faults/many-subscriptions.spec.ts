import { expect, jest, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { element } from '../contract/elements.js';
import { RedisWorld } from '../contract/redis-world.js';
import { redisRig } from '../support/redis-rig.js';
import { expectShortCommands } from './script-times.js';

jest.setTimeout(180_000);

const rig = redisRig();
const world = new RedisWorld(rig);

const MANY = 100_000;
/** Of each kind, those that the test uses. */
const SOME = 1_000;

/** As if servers had declared so many: a group for each of the patterns, and one for each of the wildcards. */
const WRITE = `
for n = ARGV[2], ARGV[3] do
  local exact, wildcard = 'p.' .. n, 'p.' .. n .. '.*'
  local own = ARGV[1] .. ':{' .. exact .. '}:groups'
  redis.call('HSET', own, '@g/' .. exact, 1, 'version', n)
  redis.call('HSET', KEYS[1], '@g/' .. wildcard, 1)
  redis.call('HSET', KEYS[2], '@g/' .. exact, 1, '@g/' .. wildcard, 1)
  redis.call('HSET', KEYS[1], 'version', redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'field', '@g/' .. wildcard))
end`;

async function writeMany(): Promise<void> {
  const { commands, prefix } = rig;
  const keys = [`${prefix}:{wildcards}`, `${prefix}:groups`, `${prefix}:{wildcards}:changes`];
  for (let n = 0; n < MANY; n += 1_000) await commands.eval(WRITE, 3, ...keys, prefix, n, n + 999);
}

async function groupsOf(broker: Broker, patterns: readonly string[]): Promise<number> {
  const published = await Promise.all(
    patterns.map((pattern) => broker.publish(pattern, 'e', element('e'))),
  );
  return published.reduce((sum, { groups }) => sum + groups, 0);
}

test('with 100,000 patterns and as many wildcards that have groups, no command takes longer than 10 ms', async () => {
  await writeMany();
  const exact = Array.from({ length: SOME }, (_, n) => `p.${n * 97}`);
  const meant = exact.map((pattern) => `${pattern}.x`);
  let round = 0;
  await expectShortCommands(rig.commands, async () => {
    round += 1;
    const broker = await world.open();
    expect(await groupsOf(broker, [...exact, ...meant])).toBe(2 * SOME);
    await broker.declare({ pattern: `p.1.${round}`, groups: ['new'] });
    await broker.declare({ pattern: `p.1.*`, groups: [`new${round}`] });
    expect(await groupsOf(broker, [`p.1.${round}`])).toBe(2 + round);
    const admin = world.openAdmin();
    const { queues } = await admin.events.index();
    expect(queues.length).toBeGreaterThan(2 * MANY);
    expect(await broker.servedAs('p.5')).toMatchObject({ groupQueues: ['@g/p.5'] });
    await admin.events.retire(`@new/p.1.${round}`, 'drop');
  });
});
