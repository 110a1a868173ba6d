import { describe, expect, test } from '@jest/globals';
import type { TestMessage } from '../support/consumer-process.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig({ settings: { maxmemory: '100mb' } });

/**
 * What the consumers write is the point here. With the stage's lease of a second, one that got no time from its machine
 * for two would rightly write that it gave up a connection on which an answer was overdue.
 */
const LONG_LEASE = { leaseMs: 30_000 };

const POLICIES = ['allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-ttl'];

async function setPolicy(policy: string): Promise<void> {
  await rig.commands.config('SET', 'maxmemory-policy', policy);
}

function messages(prefix: string): TestMessage[] {
  return Array.from({ length: 20 }, (_, index) => ({ id: `${prefix}${index}` }));
}

describe('a Redis that throws keys away when it is full', () => {
  test('has a server warn once at its start, and serve: nothing is lost as long as it is not full', async () => {
    await setPolicy('allkeys-lru');
    const stage = await FaultStage.open(rig);
    await stage.send(...messages('before'));
    const consumer = await stage.startConsumer(LONG_LEASE);
    await stage.send(...messages('after'));
    expect(await stage.ask({ id: 'asked' })).toBe('asked');
    await stage.untilAllHome();

    const account = await stage.balance(0);
    expect(account).toMatchObject({ handled: 41, dead: [] });
    expect(await rig.commands.info('stats')).toContain('evicted_keys:0\r\n');
    await consumer.close(); // then all of its output is read
    expect(consumer.output.match(/WARN/g)).toHaveLength(1);
    expect(consumer.output).toMatch(
      /WARN.*maxmemory-policy allkeys-lru: when it is full, it throws away queues.*noeviction/,
    );
  });

  test('has a server end at its start, by option, whatever the policy, and what waits stays', async () => {
    const stage = await FaultStage.open(rig);
    await stage.send(...messages('m'));
    for (const policy of POLICIES) {
      await setPolicy(policy);
      const failure: unknown = await stage
        .startConsumer({ ...LONG_LEASE, onEviction: 'refuse' })
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(Error);
      const { message } = failure as Error;
      expect(message).toMatch(
        new RegExp(`UnsafeRedisError: Redis has maxmemory-policy ${policy}: .*noeviction`),
      );
      expect(message).toContain(
        policy.startsWith('volatile-') ? 'throws away what expires' : 'throws away queues',
      );
      expect(message).toContain("code: 'UNSAFE_REDIS'");
      expect(message).not.toContain('WARN');
      const dump = await stage.dump();
      expect([dump.waiting.length, heldIn(dump)]).toEqual([20, 0]);
    }

    await setPolicy('noeviction');
    const consumer = await stage.startConsumer({ ...LONG_LEASE, onEviction: 'refuse' });
    await stage.untilAllHome();
    const account = await stage.balance(0);
    expect(account).toMatchObject({ handled: 20, dead: [] });
    await consumer.close();
    expect(consumer.output).toBe('');
  });

  test('is none with noeviction: there is no warning', async () => {
    await setPolicy('noeviction');
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer({ ...LONG_LEASE, onEviction: 'warn' });
    expect(await stage.ask({ id: 'asked' })).toBe('asked');
    await stage.untilAllHome();
    await stage.balance(0);
    await consumer.close();
    expect(consumer.output).toBe('');
  });
});
