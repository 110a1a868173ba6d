import { describe, expect, jest, test } from '@jest/globals';
import { WATCHERS } from '../../libs/redis-queue-transport/src/redis/lua/sleepers-lua.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { TestProcess } from '../support/test-process.js';

jest.setTimeout(180_000);

const rig = redisRig();
const LEASE_MS = 3_000;
/** All but two sleep. */
const QUEUES = ['a', 'b', 'c', 'd'];

interface Told {
  readonly queue: string;
  readonly data: unknown;
}

const key = (queue: string, name: string): string => `${rig.prefix}:{${queue}}:${name}`;

describe('processes with more queues than connections that block', () => {
  test.each(['SIGKILL', 'SIGSTOP'] as const)(
    'take a message that comes after all watchers of its queue got a %s',
    async (signal) => {
      rig.mayRemain(/}[^:]*:fenced$/);
      const told: Told[] = [];
      const settings = {
        url: rig.connection,
        prefix: rig.prefix,
        queues: QUEUES,
        leaseMs: LEASE_MS,
      };
      const start = async (): Promise<TestProcess> =>
        rig.closeLater(
          await TestProcess.start('programs/sleeping-service.js', settings, {
            onMessage: (message) => told.push(message as Told),
          }),
        );
      const services: TestProcess[] = [];
      for (let many = 0; many <= WATCHERS; many += 1) services.push(await start());
      const sleepers = (queue: string): Promise<string[]> =>
        rig.commands.zrange(key(queue, 'sleepers'), '0', '-1');
      const asleep = await eventually(async () => {
        const all = await Promise.all(QUEUES.map(sleepers));
        const found = QUEUES.find((_, index) => all[index]?.length === WATCHERS + 1);
        if (found === undefined) throw new Error('Nobody sleeps.');
        return found;
      });
      const watchers = (await sleepers(asleep)).slice(0, WATCHERS);
      const dead = services.filter(({ child }) =>
        watchers.some((name) => name.includes(`-${child.pid}-`)),
      );
      expect(dead).toHaveLength(WATCHERS);
      for (const { child } of dead) child.kill(signal);

      for (const data of [1, 2, 3]) await rig.commands.rpush(key(asleep, 'waiting'), data);
      await eventually(() => expect(told).toHaveLength(3), 3 * LEASE_MS);
      expect(told.map(({ data }) => data).sort()).toEqual([1, 2, 3]);
      for (const { child } of dead) child.kill('SIGKILL');
      // The others take back what the dead ones left.
      await eventually(async () => {
        expect(await rig.commands.zcard(key(asleep, 'consumers'))).toBe(1);
        expect(await sleepers(asleep)).toHaveLength(1);
      }, 10 * LEASE_MS);
      rig.mayRemain(/}[^:]*:(consumers|roles|sleepers)$/);
    },
  );
});
