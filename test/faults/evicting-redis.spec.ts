import { describe, expect, test } from '@jest/globals';
import type { TestMessage } from '../support/consumer-process.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig({ settings: { maxmemory: '100mb' } });

/**
 * What the consumers log is the point of this test. With the stage's lease of one second, a consumer that got no time
 * from its machine for two would rightly log that it gave up a connection with an overdue answer.
 */
const LONG_LEASE = { leaseMs: 30_000 };

const POLICIES = ['allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-ttl'];

async function setPolicy(policy: string): Promise<void> {
  await rig.commands.config('SET', 'maxmemory-policy', policy);
}

function messages(prefix: string): TestMessage[] {
  return Array.from({ length: 20 }, (_, index) => ({ id: `${prefix}${index}` }));
}

describe('a Redis that evicts keys when it is full', () => {
  test('makes a server warn once at its start, and serve: nothing is lost as long as Redis is not full', async () => {
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
    await consumer.close(); // now all of its output is read
    expect(consumer.output.match(/WARN/g)).toHaveLength(1);
    expect(consumer.output).toMatch(
      /WARN.*maxmemory-policy allkeys-lru: when it is full, it throws away queues.*noeviction/,
    );
  });

  test('makes a server with this option end at its start, with each policy, and leaves waiting messages alone', async () => {
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

  test('does not exist with noeviction: there is no warning', async () => {
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
